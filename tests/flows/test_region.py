"""Many LAs side by side: one that fails harms no other, and no record of a child leaves its home."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from connectors.errors import ConfigurationError
from flows.membership import environment_of, gather, read_region, region_deployments, run_region
from tests.flows.conftest import PrefectServer
from warehouse.build import PointInTime
from warehouse.home import Home
from warehouse.publication import publish

MOMENT = PointInTime(date(2026, 11, 2), datetime(2026, 11, 2, 6))
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a region's file: its members by code, each with a home of its own unless another is given."""

    def written(*codes: str, **members: object) -> Path:
        path = tmp_path / "region.yml"
        given = {code: {"home": f"la-{code}"} for code in codes} | members
        path.write_text(yaml.safe_dump({"name": "Two boroughs", "members": given}))
        return path

    return written


def publish_dashboard(home: Home, plans: int) -> None:
    """A home with a list of children and a dashboard, both published."""
    home.create()
    home.configuration.write_text('la_code: "883"\nla_name: Invented\n')
    with duckdb.connect(str(home.building)) as connection:
        connection.execute("create schema lists")
        connection.execute(
            "create table lists.list_children_with_plans as select 'C000000' || x as child_id, 'Ada' as forename, "
            "'A8832001' || x as upn from range(9) t(x)"
        )
        connection.execute("create schema dashboard")
        connection.execute(
            "create table dashboard.indicator_public as select 'plans' as indicator_id, 'month' as period_kind, "
            "date '2026-10-01' as period_start, date '2026-10-31' as period_end, true as is_complete, "
            "'all' as breakdown, 'all' as breakdown_value, ?::bigint as numerator, null::bigint as denominator, "
            "?::double as value, "
            "false as suppressed, ? as shown",
            [plans, plans, str(plans)],
        )
    publish(home, "lists", {"list_children_with_plans": "lists"}, MOMENT, "run1")
    publish(home, "dashboard", {"indicator_public": "dashboard"}, MOMENT, "run1")


def test_the_region_s_figures_are_each_la_s_own_and_hold_no_child(write: Write) -> None:
    region = read_region(write("883", "330", "301"))
    publish_dashboard(region.home_of("883"), 1200)
    publish_dashboard(region.home_of("330"), 9000)
    region.home_of("301").create()
    told = gather(region)
    assert (told["883"], told["330"]) == ("2026-11-02", "2026-11-02")
    assert "has published no dashboard yet" in told["301"]
    figures = region.folder / "region" / "figures.parquet"
    with duckdb.connect() as connection:
        found = connection.execute(f"select la_code, value from '{figures}' order by la_code").fetchall()
        columns = {row[0] for row in connection.execute(f"describe from '{figures}'").fetchall()}
        child_like = connection.execute(
            f"select count(*) from '{figures}' as f where regexp_matches(cast(f as varchar), 'C0000|A8832|Ada')"
        ).fetchall()
    assert found == [("330", 9000.0), ("883", 1200.0)]
    assert not columns & {"child_id", "upn", "forename"}
    assert child_like == [(0,)]
    assert {path.name for path in figures.parent.iterdir()} == {"figures.parquet", "region.json"}


def test_an_la_whose_run_fails_harms_no_other(
    write: Write, prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.api_url)
    region = read_region(write("883", "330"))
    for code in region.members:
        region.home_of(code).create()
    region.home_of("883").configuration.write_text('la_code: "883"\nla_name: Invented\n')
    region.home_of("330").configuration.write_text("la_code: not a code\n")
    ran = {run.la_code: run for run in run_region(region)}
    good, bad = ran["883"], ran["330"]
    assert good.products["worklist"] == "published", good
    assert bad.outcome == "failed"
    assert bad.problem is not None
    assert "an LA code has three digits" in bad.problem
    assert region.home_of("883").warehouse.exists()
    assert not region.home_of("330").warehouse.exists()


def test_each_process_sees_its_own_home_and_its_own_secrets_alone(write: Write) -> None:
    secrets = {
        "SEND_883_URL": "one",
        "SEND_330_URL": "other",
        "SEND_OPERATIONS_URL": "shared",
        "PATH": "/usr/bin",
    }
    members = {
        code: {"home": f"la-{code}", "environment": {"SEND_CASES": f"SEND_{code}_URL"}} for code in ("883", "330")
    }
    region = read_region(write(**members))
    seen = environment_of(region, "883", secrets)
    assert seen["SEND_CASES"] == "one"
    assert seen["SEND_HOME"] == str(region.home_of("883").folder)
    assert not {"SEND_883_URL", "SEND_330_URL", "SEND_OPERATIONS_URL"} & set(seen)
    assert "other" not in seen.values()
    with pytest.raises(ConfigurationError, match="SEND_330_URL, meant for LA 330, is not set"):
        environment_of(region, "330", {})


def test_two_las_may_not_share_a_home(write: Write) -> None:
    members = {"883": {"home": "homes"}, "330": {"home": "homes/inner"}}
    with pytest.raises(ConfigurationError, match="lie within each other"):
        read_region(write(**members))


def test_there_is_a_deployment_for_each_la_on_its_own_work_pool(write: Write) -> None:
    region = read_region(write("883", **{"330": {"home": "la-330", "work_pool": "machine-b"}}))
    made = {deployment["name"]: deployment for deployment in region_deployments(region)}
    assert made["nightly-883"]["work_pool"] == {"name": "send"}
    assert made["nightly-330"]["work_pool"] == {"name": "machine-b"}
    assert made["nightly-330"]["parameters"] == {"home": str(region.home_of("330").folder)}
