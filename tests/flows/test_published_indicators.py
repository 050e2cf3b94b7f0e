"""What DfE publishes of a return, recounted from the XML by a reader of its own, is what the warehouse holds."""

from __future__ import annotations

import subprocess

import pytest

from tests.flows.conftest import SendHome
from tests.flows.recount import Recount, of_dashboard, of_warehouse, recounted
from warehouse.home import Home


@pytest.fixture(scope="module")
def recount(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> Recount:
    return recounted(Home(run_home[0].folder), tmp_path_factory.mktemp("return") / "return.xml")


def test_the_published_indicators_are_those_of_the_warehouse(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]], recount: Recount
) -> None:
    assert recount.told == of_warehouse(Home(run_home[0].folder), recount)


def test_what_the_dashboard_counts_of_the_plans_is_what_the_return_tells(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]], recount: Recount
) -> None:
    shown = of_dashboard(Home(run_home[0].folder), recount)
    of_plans = {name: shown[name] for name in ("requests", "plans", "ceased", "timely of", "timely")}
    assert of_plans == {name: recount.told[name] for name in of_plans}


def test_the_recount_is_of_a_whole_borough(recount: Recount) -> None:
    counted = recount.told
    assert {"plans", "requests", "requests N", "no plan", "new plans", "timely", "ceased", "reviews"} <= set(counted)
    assert counted["timely of, without exceptions"] <= counted["timely of"] <= counted["new plans"]
    assert sum(count for name, count in counted.items() if name.startswith("age ")) == counted["plans"]
    assert len([name for name in counted if name.startswith(("need ", "placed "))]) >= 10
