"""What DfE will publish of the LA, as previewed, is what its return tells when counted in other ways."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from zipfile import ZipFile

import duckdb
import pyarrow as pa
import pytest

from connectors.contract import read_contract
from connectors.readers.statistics import read_release_file, release_files
from dashboard.preview import PLACES, Preview, published_tables, write_preview
from returns.surveys import survey_of_year
from tests.flows.conftest import SendHome
from tests.flows.recount import Recount, recounted
from warehouse.home import Home

Rows = list[dict[str, str]]
NAME = '=HYPERLINK("//elsewhere","Borough")'
FINISHED = 0


@pytest.fixture(scope="module")
def home(run_home: tuple[SendHome, subprocess.CompletedProcess[str]]) -> Home:
    return Home(run_home[0].folder)


@pytest.fixture(scope="module")
def preview(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return write_preview(home, NAME, tmp_path_factory.mktemp("preview") / "of DfE's tables")


@pytest.fixture(scope="module")
def recount(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Recount:
    return recounted(home, tmp_path_factory.mktemp("return") / "return.xml")


def every_row_of(preview: Preview, file: str) -> Rows:
    with (preview.folder / f"{file}.csv").open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def rows_of(preview: Preview, file: str) -> Rows:
    """The rows of the latest year."""
    rows = every_row_of(preview, file)
    return [row for row in rows if row["time_period"] == max(row["time_period"] for row in rows)]


def everybody(preview: Preview, file: str) -> dict[str, str]:
    return rows_of(preview, file)[0]


def by(preview: Preview, file: str, topic: str, column: str) -> dict[str, int]:
    return {row["breakdown"]: int(row[column]) for row in rows_of(preview, file) if row["breakdown_topic"] == topic}


def figures(row: dict[str, str], *columns: str) -> list[int]:
    return [int(row[column]) for column in columns]


def test_the_caseload_is_that_of_the_return(preview: Preview, recount: Recount) -> None:
    told = recount.told
    plans = everybody(preview, "caseload")
    ages = by(preview, "caseload", "Child or young persons age", "ehcplans")
    assert figures(plans, "ehcplans", "special_total", "nm_early_years") == [
        told.get(name, 0) for name in ("plans", "placed special", "placed early years")
    ]
    assert {age: count for age, count in ages.items() if age != "under 3"} == {
        name: count for name, count in told.items() if name.startswith("age ") and int(name[4:]) >= 3
    }


def test_who_is_educated_elsewhere_is_in_no_establishment(home: Home, preview: Preview) -> None:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        elsewhere = connection.execute(
            """
            select sen_setting, count(*) from sen2.sen2_placement_detail cross join sen2.sen2_header
            where placement_rank = 1 and urn is null and ukprn is null and sen_setting in ('EHE', 'OLA', 'NEET', 'OTH')
                and coalesce(leaving_date > reference_date, true)
            group by sen_setting
            """
        ).fetchall()
    columns = {"EHE": "elective_home_education", "OLA": "other_arrangements_la", "NEET": "neet"}
    columns |= {"OTH": "other_placement_settings"}
    plans = everybody(preview, "caseload")
    assert elsewhere
    assert {setting: int(plans[columns[setting]]) for setting, _ in elsewhere} == dict(elsewhere)


def test_first_needs_are_those_of_the_return(preview: Preview, recount: Recount) -> None:
    plans = everybody(preview, "sen_needs_all_plans")
    needs = {name.removeprefix("need ").lower(): count for name, count in recount.told.items() if name[:5] == "need "}
    others = needs.pop("ds", 0) + needs.pop("oth", 0)
    assert int(plans["number_oth"]) == others
    assert {need: int(plans[f"number_{need}"]) for need in needs} == needs
    assert int(plans["number_need_unknown"]) == recount.told["plans"] - sum(needs.values()) - others


def test_requests_received_are_those_of_the_return(preview: Preview, recount: Recount) -> None:
    answers = ("requests", "requests Y", "requests N", "requests A", "requests W")
    assert figures(
        everybody(preview, "requests"),
        *("requests_received_in_year", "requests_decided_to_assess", "requests_decided_not_to_assess"),
        *("requests_decision_not_made", "requests_withdrawn"),
    ) == [recount.figures[answer] for answer in answers]


def test_plans_issued_in_time_are_those_of_the_return_with_and_without_exceptions(
    preview: Preview, recount: Recount
) -> None:
    of, of_ex, timely, timely_ex = (
        recount.figures[name]
        for name in ("timely of", "timely of, without exceptions", "timely", "timely, without exceptions")
    )
    issued = everybody(preview, "timeliness_20_week")
    assert figures(
        issued,
        *("plans_issued_den", "plans_issued_den_ex", "plans_issued_within_20_weeks", "plans_issued_20_weeks_ex"),
    ) == [of, of_ex, timely, timely_ex]
    assert float(issued["PC_plans_issued_20_weeks_ex"]) == pytest.approx(100 * timely_ex / of_ex, abs=0.051)
    late = figures(issued, "plans_issued_gt20weeks_ltYear", "plans_issued_gt_1_year")
    assert sum(late) == of - timely
    assert int(everybody(preview, "newplans")["new_ehc_plans"]) == recount.figures["new plans"]


def test_plans_ceased_are_those_of_the_return_by_reason(preview: Preview, recount: Recount) -> None:
    reasons = ("max_age", "needs_met", "he", "employ", "transfer", "no_engage", "moved_outside_eng", "deceased")
    ceased = everybody(preview, "ceased_plans")
    assert figures(ceased, *reasons, "other") == [recount.figures[f"ceased {reason}"] for reason in range(1, 10)]
    assert int(ceased["total_ceased"]) == recount.figures["ceased"]


def test_decisions_are_counted_in_the_year_they_are_made(home: Home, preview: Preview) -> None:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        decided = connection.execute(
            """
            select
                count(*) filter (where request_outcome_date - received_date <= 42),
                count(*) filter (where request_outcome_date - received_date > 42)
            from sen2.sen2_requests
            where request_outcome in ('Y', 'N') and year(request_outcome_date) = ?
            """,
            [preview.year],
        ).fetchone()
        assessed = connection.execute(
            """
            select count(*) filter (where assessment_outcome = 'Y'), count(*) filter (where assessment_outcome = 'N')
            from sen2.sen2_assessment where year(assessment_outcome_date) = ?
            """,
            [preview.year],
        ).fetchone()
    requests, assessments = everybody(preview, "requests"), everybody(preview, "assessments")
    assert tuple(figures(requests, "request_outcome_six_weeks", "request_outcome_over_6_weeks")) == decided
    assert tuple(figures(assessments, "assess_issued", "assess_not_issued")) == assessed


def test_reviews_of_plans_held_for_a_year_are_those_of_the_return(home: Home, preview: Preview) -> None:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        held = connection.execute(
            """
            select
                count(*), count(review_meeting), count(*) filter (where review_meeting is null),
                count(*) filter (where review_meeting is not null and review_outcome = 'A'),
                count(*) filter (where last_review - review_meeting <= 28)
            from sen2.sen2_active_plans
            inner join sen2.sen2_named_plan as plan using (requests_id)
            cross join sen2.sen2_header
            where plan.start_date <= reference_date - interval 1 year
            """
        ).fetchone()
    columns = ("review_expected", "total_review_meeting", "no_review_meeting", "outcome_amend", "number_decsion_4weeks")
    reviews = everybody(preview, "annual_reviews")
    assert tuple(figures(reviews, *columns)) == held
    ended = ("outcome_amend", "outcome_cease", "outcome_maintan", "no_outcome")
    assert sum(figures(reviews, *ended)) == int(reviews["total_review_meeting"])


def test_groups_add_up_to_everybody(preview: Preview) -> None:
    for file, column in (("caseload", "ehcplans"), ("annual_reviews", "review_expected"), ("requests", "requests_rya")):
        for topic in ("Sex", "Ethnicity", "Child or young persons age"):
            assert sum(by(preview, file, topic, column).values()) == int(everybody(preview, file)[column])
    places = by(preview, "sen_needs_all_plans", "Type of placement", "ehc_plans")
    assert sum(count for place, count in places.items() if not place.endswith(" - total")) == int(
        everybody(preview, "caseload")["ehcplans"]
    )


def test_those_placed_in_work_are_those_of_the_return_by_who_they_are(home: Home, preview: Preview) -> None:
    """The kinds of work are coded as nobody told us; how many are in any, and who they are, is known."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        ((working, young),) = connection.execute(
            """
            select
                count(distinct placed.requests_id),
                count(distinct placed.requests_id)
                    filter (datesub('year', person.person_birth_date, header.reference_date) < 18)
            from sen2.sen2_placement_detail as placed
            inner join sen2.sen2_person as person using (person_id)
            cross join sen2.sen2_header as header
            where placed.placement_rank = 1 and placed.wbp is not null
                and coalesce(placed.leaving_date > header.reference_date, true)
            """
        ).fetchall()
    assert int(everybody(preview, "work_based_placements")["open_wbp"]) == working > 0
    for topic in ("Young persons age", "Sex", "Ethnicity"):
        assert sum(by(preview, "work_based_placements", topic, "open_wbp").values()) == working
    ages = by(preview, "work_based_placements", "Young persons age", "open_wbp")
    assert sum(ages.get(age, 0) for age in ("age 15 and under", "age 16", "age 17")) == young


def test_plans_of_the_years_before_are_those_in_force_on_their_survey_days_and_begun_and_ceased_in_them(
    home: Home, preview: Preview
) -> None:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        plans = connection.execute(
            "select plan_start_date, cease_date, transfer_in_date from core.fct_plan where child_id is not null"
        ).fetchall()
    first_ceased = min(ceased for _, ceased, _ in plans if ceased)
    checked = 0
    for years_ago in range(1, 6):
        year = preview.year - years_ago
        if first_ceased > date(year, 1, 1):
            continue
        day = survey_of_year(year + 1).survey_day
        caseload, new = (
            next(row for row in every_row_of(preview, file) if row["time_period"] == period)
            for file, period in (("caseload", f"{year}{(year + 1) % 100:02d}"), ("newplans", str(year)))
        )
        held = sum(
            begun <= day and (ceased is None or ceased > day) and (moved is None or moved <= day)
            for begun, ceased, moved in plans
        )
        assert (caseload["ehcplans"], new["new_ehc_plans"]) == (str(held), str(sum(p[0].year == year for p in plans)))
        checked += 1
    assert checked >= 2
    (ceased,) = (row for row in every_row_of(preview, "ceased_plans") if row["time_period"] == str(preview.year - 2))
    assert ceased["total_ceased"] == str(sum(bool(p[1]) and p[1].year == preview.year - 2 for p in plans))


def test_a_year_before_that_the_records_do_not_tell_is_marked_and_the_reason_told(preview: Preview) -> None:
    readme = (preview.folder / "README.txt").read_text(encoding="utf-8")
    untold = {(gap.file, gap.column.removeprefix("the year ")) for gap in preview.not_held if "the year" in gap.column}
    assert ("personal_budgets", f"{preview.year - 1}{preview.year % 100:02d}") in untold
    for file, period in untold:
        (row,) = (row for row in every_row_of(preview, file) if row["time_period"] == period)
        assert set(list(row.values())[len(PLACES) :]) == {"x"}, (file, period)
        assert f"- {file}, the year {period}: " in readme


def test_the_years_of_each_file_are_as_many_as_dfes(preview: Preview, shared_data: Callable[[str], Path]) -> None:
    with ZipFile(shared_data("dfe-education-health-and-care-plans-2025.zip")) as release:
        for table in published_tables().files:
            with TextIOWrapper(release.open(f"data/{table.file}.csv"), encoding="utf-8-sig", newline="") as handle:
                of_dfe = {row["time_period"] for row in csv.DictReader(handle)}
            assert len({row["time_period"] for row in every_row_of(preview, table.file)}) == len(of_dfe), table.file


def test_the_needs_of_new_plans_are_by_the_ages_that_new_plans_are(preview: Preview) -> None:
    topic = "Child or young persons age"
    ages = by(preview, "sen_need_newplans", topic, "ehc_plans")
    assert ages == by(preview, "newplans", "Age when plan started", "new_ehc_plans")
    assert sum(ages.values()) == int(everybody(preview, "sen_need_newplans")["ehc_plans"])
    readme = (preview.folder / "README.txt").read_text(encoding="utf-8")
    assert f"- sen_need_newplans, by {topic}: counted on the day the plan started" in readme


def test_what_is_not_held_is_marked_and_the_reason_told(preview: Preview) -> None:
    of_everybody = everybody(preview, "work_based_placements")
    assert {of_everybody[column] for column in ("open_supp_intern", "open_apprentice", "open_trainee")} == {"x"}
    readme = (preview.folder / "README.txt").read_text(encoding="utf-8")
    assert readme.startswith("PROVISIONAL. FOR OFFICERS ONLY, NEVER PUBLIC")
    assert f"as at {preview.as_at}" in readme
    marked = {
        (file, column)
        for file in preview.files
        for column, cell in everybody(preview, file).items()
        if cell == "x" and not column.lower().startswith("pc_") and not column.endswith("_pc")
    }
    told = {(gap.file, gap.column) for gap in preview.not_held if not gap.column.startswith("the year ")}
    assert marked == told
    assert all(gap.column in readme and gap.reason in readme for gap in preview.not_held)


def test_no_cell_is_taken_for_a_formula(preview: Preview) -> None:
    assert {row["la_name"] for row in rows_of(preview, "caseload")} == {"'" + NAME}


def test_the_preview_reads_as_a_release_by_the_contract_that_reads_dfes_own(preview: Preview, tmp_path: Path) -> None:
    contract = read_contract("dfe_ehc_plans")
    release = tmp_path / "release.zip"
    with ZipFile(release, "w") as packed:
        for file in preview.files:
            packed.write(preview.folder / f"{file}.csv", f"data/{file}.csv")
    read: dict[str, str | None] = {}
    for member in release_files(release, contract):
        for _, batch in read_release_file(release, member, contract).batches:
            for row in pa.Table.from_batches([batch]).to_pylist():
                if row["breakdown"].startswith(("All ", "New ")) and row["time_period"].startswith(str(preview.year)):
                    read[row["indicator"]] = row["value"]
    assert read["plans"] == everybody(preview, "caseload")["ehcplans"]
    assert read["requests_in_6_weeks"] == everybody(preview, "requests")["request_outcome_six_weeks"]
    assert read["reviews_in_4_weeks"] == everybody(preview, "annual_reviews")["number_decsion_4weeks"]
    assert read["plans_ceased_other"] == everybody(preview, "ceased_plans")["other"]


def test_the_command_says_what_it_wrote_and_for_whom(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]], preview: Preview, tmp_path: Path
) -> None:
    done = run_home[0].send("dashboard", "preview", "--csv", str(tmp_path / "preview"))
    assert done.returncode == FINISHED, done.stderr
    assert "for officers only, never public" in done.stderr
    assert f"{sum(preview.files.values()):,} rows" in done.stderr
    assert {path.name for path in (tmp_path / "preview").iterdir()} == {"README.txt"} | {
        f"{file}.csv" for file in preview.files
    }
