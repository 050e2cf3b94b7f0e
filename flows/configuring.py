"""Writes ``send.yml``: a commented first one for a council, and the invented borough's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from connectors.errors import ConfigurationError
from warehouse.home import Home

_HEAD = """\
# The SEND warehouse of {name} (LA {la}). Paths are relative to this folder unless they begin with /.
# Secrets are never written here: a database's address is read from the environment variable you name.
la_code: "{la}"
la_name: "{name}"

# For the SEN2 return: has the LA a designated medical, clinical and social care officer? Yes, No or Recruiting.
# designated_officers: {{medical: Yes, clinical: Yes, social_care: Recruiting}}
# The LA codes that the dashboard compares with, as DfE's local authority interactive tool names them:
# statistical_neighbours: [881, 882, 887]
"""

_DEMO_MARK = "# Written by send demo for an invented borough; send demo may write it again.\n"

_FIRST_SOURCES = """
sources:
  # The SEN team's case system. As CSV or Excel files, one a table (child.csv, request.csv, plan.csv, ...):
  ehc_case:
    kind: csv                     # csv, excel or database
    path: extracts/ehc_case
    # Your supplier's headings, where they differ from the contract's (connectors/contracts/ehc_case.yml):
    # columns:
    #   child: {{case_id: "Case Ref", birth_date: "D.O.B."}}
    # Your supplier's codes, where they differ:
    # codes:
    #   child: {{sex: {{Male: M, Female: F}}}}
  # The same from a database instead. The variable holds an address such as
  # postgresql+psycopg://reader:password@server/cases; set it where the run is scheduled.
  # ehc_case:
  #   kind: database
  #   url_env: SEND_CASE_SYSTEM_URL
  #   schema: public
  #   tables: {{child: v_send_child, request: v_send_request}}
  #   # Fetch only what changed since the last load, by a column that rises with every change:
  #   watermark: {{child: modified_at, request: modified_at}}
  # Files elsewhere: path may be an address such as sftp://server/send/ehc_case, s3://..., abfs://...

  # The termly school census, one XML file a school or one for the LA.
  school_census:
    kind: xml
    path: extracts/school_census

  # The register of establishments, as published each month (edubasealldata*.csv, links*.csv).
  gias:
    kind: csv
    path: extracts/gias

  # Therapy and assessment waits from the health provider, each month.
  therapy_waits:
    kind: csv
    path: extracts/therapy_waits

  # The children in need census, or the monthly file of the same shape.
  cin_census:
    kind: xml
    path: extracts/cin_census

  # The rest as they come to hand: take away the # of a source and its two settings. Each of these may also be an
  # Excel workbook (kind: excel) unless its contract says otherwise; what columns each needs stands in
  # connectors/contracts/<name>.yml.

  # Education
  # nccis:                        # the client caseload, a file a month
  #   kind: csv
  #   path: extracts/nccis
  # ehe_cme:                      # the register of home education and of children missing education
  #   kind: excel
  #   path: extracts/ehe_cme
  # attainment:                   # results of key stages 1 to 5
  #   kind: csv
  #   path: extracts/attainment
  # ofsted:                       # Ofsted's management information, as published each month
  #   kind: csv
  #   path: extracts/ofsted
  # commissioned_places:          # places commissioned, by establishment and year
  #   kind: csv
  #   path: extracts/commissioned_places
  # high_needs_spend:             # the high needs ledger, by placement and month
  #   kind: csv
  #   path: extracts/high_needs_spend
  # term_dates:                   # school terms
  #   kind: csv
  #   path: extracts/term_dates

  # Health
  # health_advice:                # the designated clinical officer's log
  #   kind: excel
  #   path: extracts/health_advice
  # continuing_care:
  #   kind: csv
  #   path: extracts/continuing_care
  # early_notifications:          # under section 23 of the Children and Families Act 2014
  #   kind: csv
  #   path: extracts/early_notifications

  # Social care
  # ssda903:                      # the looked after return: header.csv, episodes.csv, reviews.csv, missing.csv
  #   kind: csv
  #   path: extracts/ssda903
  # ssd:                          # the standard safeguarding dataset, in your own database (or as CSV, one a table)
  #   kind: database
  #   url_env: SEND_SSD_URL
  # short_breaks:
  #   kind: csv
  #   path: extracts/short_breaks
  # youth_justice:
  #   kind: csv
  #   path: extracts/youth_justice

  # The council's own plan and figures, and reference data
  # improvement_plan:             # action.csv and rating.csv
  #   kind: csv
  #   path: extracts/improvement_plan
  # targets:                      # a target for each indicator
  #   kind: csv
  #   path: extracts/targets
  # postcodes:                    # the ONS postcode directory with the deprivation decile
  #   kind: csv
  #   path: extracts/postcodes
  # dfe_ehc_plans:                # DfE's Education, health and care plans, all files of a release as the zip it gives
  #   kind: zip
  #   path: extracts/dfe_ehc_plans
  # la_codes:                     # DfE's and ONS's codes of local authorities
  #   kind: csv
  #   path: extracts/la_codes
"""

_DEMO_SOURCES = """as_at: {as_at}
sources:
  ehc_case: {{kind: csv, path: borough/extracts/ehc_case}}
  school_census: {{kind: xml, path: borough/extracts/school_census}}
  gias: {{kind: csv, path: borough/extracts/gias}}
  therapy_waits: {{kind: csv, path: borough/extracts/therapy_waits}}
  cin_census: {{kind: xml, path: borough/extracts/cin_census}}
  nccis: {{kind: csv, path: borough/extracts/nccis}}
  ehe_cme: {{kind: excel, path: borough/extracts/ehe_cme}}
  attainment: {{kind: csv, path: borough/extracts/attainment}}
  ofsted: {{kind: csv, path: borough/extracts/ofsted}}
  commissioned_places: {{kind: csv, path: borough/extracts/commissioned_places}}
  high_needs_spend: {{kind: csv, path: borough/extracts/high_needs_spend}}
  term_dates: {{kind: csv, path: borough/extracts/term_dates}}
  health_advice: {{kind: excel, path: borough/extracts/health_advice}}
  continuing_care: {{kind: csv, path: borough/extracts/continuing_care}}
  early_notifications: {{kind: csv, path: borough/extracts/early_notifications}}
  ssda903: {{kind: csv, path: borough/extracts/ssda903}}
  ssd: {{kind: csv, path: borough/extracts/ssd}}
  short_breaks: {{kind: csv, path: borough/extracts/short_breaks}}
  youth_justice: {{kind: csv, path: borough/extracts/youth_justice}}
  improvement_plan: {{kind: csv, path: borough/extracts/improvement_plan}}
  targets: {{kind: csv, path: borough/extracts/targets}}
  postcodes: {{kind: csv, path: borough/extracts/postcodes}}
  la_codes: {{kind: csv, path: borough/extracts/la_codes}}
  dfe_ehc_plans: {{kind: zip, path: borough/extracts/dfe_ehc_plans}}
"""


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".yml.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def refuse_foreign_configuration(home: Home) -> None:
    """Raises ``ConfigurationError`` where the home has a configuration that the demo did not write."""
    if home.configuration.exists() and not home.configuration.read_text(encoding="utf-8").startswith(_DEMO_MARK):
        raise ConfigurationError(
            f"{home.configuration} is a council's own configuration, so no invented borough is put beside it. "
            "Name another home: SEND_HOME=demo-home send demo"
        )


def write_demo_configuration(home: Home, la: str, as_at: date) -> None:
    """Writes the configuration that runs on the invented borough, with the borough's own today."""
    text = _DEMO_MARK + _HEAD.format(la=la, name=f"Invented borough shaped like LA {la}")
    _write(home.configuration, text + _DEMO_SOURCES.format(as_at=as_at.isoformat()))


def write_first_configuration(home: Home, la: str, name: str) -> None:
    """Writes a commented configuration for the officer to fill in. Never overwrites one."""
    if not (len(la) == 3 and la.isdigit()):
        raise ConfigurationError(f"{la!r} is not an LA code. It has three digits, for example 883 for Thurrock.")
    if home.configuration.exists():
        raise ConfigurationError(f"{home.configuration} exists already. Change it by hand, or move it away first.")
    _write(home.configuration, _HEAD.format(la=la, name=name.replace('"', "'") or f"LA {la}") + _FIRST_SOURCES.format())
