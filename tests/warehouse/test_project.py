"""The dbt project as such: its unit tests, its descriptions, its style, its contracts, its findings list."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dashboard.preview import RELATIONS
from tests.warehouse.conftest import (
    ANNEX_A_LISTS,
    LISTS,
    PROJECT,
    SEN2_TABLES,
    Build,
    Dbt,
    Warehouse,
    build_after_checks,
    dbt_folders,
)
from tests.warehouse.landed import (
    case,
    commissioned,
    establishment,
    on_register,
    placement,
    plan,
    pupil,
    request,
    visit,
)
from warehouse.home import Home

MARTS = ("core", "lists", "sen2", "annex_a", "dashboard")


def models(dbt: Dbt) -> dict[str, Any]:
    return {node.name: node for node in dbt.manifest.nodes.values() if node.resource_type == "model"}


def marts(dbt: Dbt) -> dict[str, Any]:
    return {name: model for name, model in models(dbt).items() if model.schema in MARTS}


def test_the_unit_tests_of_the_clocks_pass(dbt: Dbt, build: Build) -> None:
    warehouse = build({})
    warehouse.connection.close()
    result = dbt.invoke(warehouse.path, "test", "--select", "test_type:unit")
    assert result.success, [r.message for r in result.result]
    assert len(result.result) >= 9


def test_every_grain_holds_on_records_that_came_twice(build: Build) -> None:
    warehouse = build(
        {
            "ehc_case__child": [case("K1", upn="A1"), case("K1", upn="A1")],
            "ehc_case__request": [request("R1", "K1"), request("R1", "K1")],
            "ehc_case__plan": [plan("P1", "R1"), plan("P1", "R1")],
            "school_census__pupil": [pupil("A1"), pupil("A1")],
        }
    )
    for model in ("dim_child", "fct_request", "fct_plan", "fct_census_enrolment"):
        assert len(warehouse.rows(f"from core.{model}")) == 1, model


def test_every_core_and_list_model_holds_its_rows_to_a_grain(dbt: Dbt) -> None:
    loose = [
        name
        for name, model in marts(dbt).items()
        if not any(constraint.expression == "unique" and constraint.columns for constraint in model.constraints)
    ]
    assert loose == []


def test_an_empty_landing_builds_empty_lists_and_a_return_of_nobody(build: Build) -> None:
    warehouse = build({})
    for name in LISTS:
        assert warehouse.rows(f"from lists.{name}") == []
    for name in ANNEX_A_LISTS:
        assert warehouse.rows(f"from annex_a.{name}") == []
    rows = {name: len(warehouse.rows(f"from sen2.{name}")) for name in SEN2_TABLES}
    assert rows == {name: int(name == "sen2_header") for name in SEN2_TABLES}


def test_every_core_and_list_column_says_what_it_is_in_what_unit_and_from_where(dbt: Dbt) -> None:
    bare = [
        f"{model.name}.{column.name}"
        for model in marts(dbt).values()
        for column in model.columns.values()
        if not re.search(r"\w.* \([^;]+; .+\)$", column.description)
    ]
    assert bare == []


def test_every_core_and_list_column_says_whether_it_is_personal(dbt: Dbt) -> None:
    silent = [
        f"{model.name}.{column.name}"
        for model in marts(dbt).values()
        for column in model.columns.values()
        if not isinstance(column.config.meta.get("personal_data"), bool)
    ]
    assert silent == []


def test_every_core_and_list_model_has_contract_owner_group_and_access(dbt: Dbt) -> None:
    assert len(marts(dbt)) == 77
    for model in marts(dbt).values():
        assert model.contract.enforced, model.name
        assert model.config.meta["owner"], model.name
        assert isinstance(model.config.meta["personal_data"], bool), model.name
        assert (model.group, str(model.access)) == ("lists" if model.schema == "lists" else "warehouse", "public")


def test_every_model_states_its_grain_first_in_yaml_beside_it(dbt: Dbt) -> None:
    for model in models(dbt).values():
        assert (PROJECT / model.original_file_path).with_suffix(".yml").exists(), model.name
        assert model.description.startswith("One row per"), model.name


def test_every_list_that_leaves_the_warehouse_is_an_exposure(dbt: Dbt) -> None:
    published = [e for e in dbt.manifest.exposures.values() if e.name.startswith("published_")]
    lists = {model.unique_id for model in marts(dbt).values() if model.schema in ("lists", "annex_a")}
    assert {name for e in published for name in e.depends_on.nodes} == lists


def test_the_councils_power_bi_is_an_exposure_of_all_that_the_dashboards_pages_are_made_of(dbt: Dbt) -> None:
    exposures = {e.name: e for e in dbt.manifest.exposures.values()}
    known = {*dbt.manifest.nodes, *dbt.manifest.sources}
    of_pages = {name for e in exposures.values() if "page" in e.config.meta for name in e.depends_on.nodes}
    assert of_pages == {*exposures["power_bi"].depends_on.nodes} <= known
    dashboard = {model.unique_id for model in marts(dbt).values() if model.schema == "dashboard"}
    assert dashboard <= of_pages


@pytest.mark.parametrize(
    ("exposure", "files"),
    [
        ("weekly_digests", ["digests.sql"]),
        ("publication_preview", ["preview.py", *(f"published_tables/{name}.sql" for name in RELATIONS)]),
    ],
)
def test_what_is_counted_outside_the_warehouse_is_an_exposure_of_the_marts_it_reads(
    dbt: Dbt, exposure: str, files: list[str]
) -> None:
    counted = "\n".join((PROJECT.parent / "dashboard" / file).read_text(encoding="utf-8") for file in files)
    read = {name for name in marts(dbt) if re.search(rf"\b(from|join) (core\.)?{name}\b", counted)}
    (told,) = (e for e in dbt.manifest.exposures.values() if e.name == exposure)
    assert read == {name.split(".")[-1] for name in told.depends_on.nodes if name.startswith("model.")}


def test_every_landed_source_knows_its_cadence(dbt: Dbt) -> None:
    registered = ("run", "load_file", "sen2_survey", "correction")
    landed = [s for s in dbt.manifest.sources.values() if s.schema == "landing" and s.name not in registered]
    assert landed
    assert all(s.freshness and s.freshness.warn_after.count and s.loaded_at_field == "_landed_at" for s in landed)


def test_an_extract_overdue_by_its_cadence_is_reported(dbt: Dbt, build: Build) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    landing = {
        "ehc_case__child": [case("K1", _landed_at=now - timedelta(days=6))],
        "ehc_case__request": [request("R1", "K1", _landed_at=now - timedelta(days=8))],
        "ehc_case__plan": [plan("P1", "R1", _landed_at=now - timedelta(days=15))],
    }
    warehouse = build(landing)
    warehouse.connection.close()
    selected = [f"source:landing.{table}" for table in landing]
    result = dbt.invoke(warehouse.path, "source", "freshness", "--select", *selected)
    found = {found.node.name: str(found.status) for found in result.result.results}
    assert found == {"ehc_case__child": "pass", "ehc_case__request": "warn", "ehc_case__plan": "error"}


def test_no_model_reads_a_clock_or_takes_every_column(dbt: Dbt) -> None:
    forbidden = re.compile(r"current_date|current_timestamp|now\(\)|today\(\)|select\s+\*", re.IGNORECASE)
    offenders = [model.name for model in models(dbt).values() if forbidden.search(model.raw_code)]
    assert offenders == []


def test_parsing_warns_of_nothing(tmp_path: Path) -> None:
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(["--warn-error", "parse", "--no-partial-parse", *dbt_folders(tmp_path)])
    assert parsed.success, parsed.exception


def test_telemetry_is_off() -> None:
    assert "send_anonymous_usage_stats: false" in (PROJECT / "dbt_project.yml").read_text()


def test_a_model_that_breaks_its_contract_stops_the_build(build: Build) -> None:
    warehouse = build({"ehc_case__child": [case("K1")]})
    with pytest.raises(duckdb.Error, match=r"breaks its contract .*child_id date"):
        warehouse.connection.execute(
            contract_check(warehouse, "dim_child").replace("'child_id varchar'", "'child_id date'")
        )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("insert into core.dim_child from core.dim_child", "rows share their child_id"),
        ("update core.dim_child set child_id = null", "rows are empty in child_id"),
    ],
)
def test_rows_that_break_their_models_contract_stop_the_build(
    build: Build, tmp_path: Path, change: str, complaint: str
) -> None:
    warehouse = build({"ehc_case__child": [case("K1")]})
    warehouse.connection.close()
    shutil.copy(warehouse.path, tmp_path / warehouse.path.name)
    with duckdb.connect(str(tmp_path / warehouse.path.name)) as connection:
        connection.execute(contract_check(warehouse, "dim_child"))
        connection.execute(change)
        with pytest.raises(duckdb.Error, match=complaint):
            connection.execute(contract_check(warehouse, "dim_child"))


def contract_check(warehouse: Warehouse, name: str) -> str:
    """The check of one model's contract, as dbt ran it."""
    run = Home(warehouse.path.parents[1]).dbt_target / "run" / "send_warehouse" / "models" / "core" / f"{name}.sql"
    text = run.read_text()
    return text[text.index("with built as") :]


def test_sqlfluff_finds_nothing_to_say() -> None:
    linted = subprocess.run(
        [sys.executable, "-m", "sqlfluff", "lint", "models", "macros/rules", "--processes", "2", "--format", "json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [
        f"{file['filepath']}:{v['start_line_no']} {v['code']} {v['description']}"
        for file in json.loads(linted.stdout)
        for v in file["violations"]
    ]
    assert problems == []


def test_findings_become_the_list_of_records_to_correct(dbt: Dbt, build: Build) -> None:
    warehouse = build({}, is_counting=True)
    finding = {"finding_key": "f1", "rule_id": "upn_check_letter_wrong", "severity": "error", "state": "new"}
    where = {"source_file": "child.csv", "source_row": 7, "first_seen_at": datetime(2025, 6, 30, 20)}
    build_after_checks(dbt, warehouse, [{**finding, **where}])
    row = warehouse.row("select finding_key, source_file, source_row, state from lists.list_records_to_correct")
    assert row == {"finding_key": "f1", "source_file": "child.csv", "source_row": 7, "state": "new"}


def test_the_last_row_of_the_newest_delivery_stands(build: Build) -> None:
    warehouse = build(
        {
            "ehc_case__child": [
                case("K1", forename="first"),
                case("K1", forename="last"),
                case("K2", forename="newer", _delivery=2),
                case("K2", forename="older"),
            ]
        }
    )
    assert warehouse.column("select forename from core.dim_child order by case_id") == ["last", "newer"]


def test_the_same_landing_gives_the_same_bytes(build: Build, tmp_path: Path) -> None:
    names = [f"K{number:03d}" for number in range(300)]
    landing = {
        "ehc_case__child": [case(name, upn=f"A{name}") for name in names],
        "ehc_case__request": [request(f"R{name}", name) for name in names],
        "ehc_case__plan": [plan(f"P{name}", f"R{name}", start_date=date(2024, 1, 1)) for name in names],
        "school_census__pupil": [pupil(f"A{name}", forename=name) for name in names],
        "gias__establishment": [establishment("300", type_of_establishment_name="Community special school")],
        "ehc_case__placement": [placement(f"T{name}", f"P{name}", sen_setting="EHE") for name in names[:50]],
        "ehc_case__plan_setting": [placement(f"N{name}", f"P{name}", urn="300") for name in names],
        "ehc_case__visit": [
            visit(f"{kind}{name}", name, date(2025, 1, 6), kind=kind) for name in names for kind in ("qa", "welfare")
        ],
        "ehe_cme__register": [on_register(f"E{name}", "CME", upn=f"A{name}") for name in names[50:200]],
        "commissioned_places__place": [commissioned("300", "special_school", 7)],
    }
    contents = []
    for number in range(2):
        warehouse = build(landing)
        for table in LISTS:
            path = tmp_path / f"{table}-{number}.parquet"
            warehouse.connection.execute(f"copy lists.{table} to '{path}' (format parquet)")
        contents.append({path.name[:-10]: path.read_bytes() for path in sorted(tmp_path.glob(f"*-{number}.parquet"))})
    assert contents[0] == contents[1]
