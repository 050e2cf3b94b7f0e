"""The commands of README and docs do what they say: each ``console`` block is run as written, in order.

The blocks of a page share one shell, one folder, and a home of a small borough in which a run has been. A block that
cannot be run here says why behind its marker: ```` ```console not-run: needs Windows ````.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from sqlfluff import lint
from sqlfluff.core import FluffConfig

from dashboard.counting import count_indicators
from dashboard.definitions import CATALOGUE, Catalogue, read_catalogue
from dashboard.documentation import indicators_page
from tests.flows.conftest import PrefectServer, SendHome
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console(?P<marker>[^\n]*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block: what it says, and why it is not run, if it is not."""

    text: str
    marker: str

    @property
    def why_not(self) -> str | None:
        """The reason behind ``not-run:``."""
        return self.marker.partition("not-run:")[2].strip() or None

    def script(self) -> str:
        """The commands of its lines that begin with ``$``, with the lines that go on with ``>``."""
        lines = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                lines.append(line[2:])
            elif line.startswith(">"):
                lines.append(line[1:].removeprefix(" "))
        return "\n".join(lines)


def blocks_of(page: Path) -> list[Block]:
    """The ``console`` blocks of a page, in order."""
    return [Block(found["text"], found["marker"].strip()) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def runnable(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.why_not is None]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> tuple[Path, dict[str, str]]:
    """A folder to run in, and an environment in which ``send`` is the command and its home a small borough's."""
    folder = tmp_path_factory.mktemp("docs")
    commands = folder / "bin"
    commands.mkdir()
    for name, module in (("send", "flows.command_line"), ("prefect", "prefect")):
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SEND_"))}
    environment = {
        **kept,
        "PATH": f"{commands}:{kept['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SEND_HOME": str(folder / "home"),
        "PREFECT_API_URL": prefect_server.api_url,
    }
    home = SendHome(folder / "home")
    made = home.send("demo", "--children", "300")
    assert made.returncode == 0, made.stderr
    home.run_here()
    return folder, environment


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_they_say(page: Path, session: tuple[Path, dict[str, str]]) -> None:
    folder, environment = session
    script = "\n".join(f"echo '+ block {n}' >&2\n{block.script()}" for n, block in enumerate(runnable(page), start=1))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_block_that_is_not_run_says_why_and_every_other_has_a_command(page: Path) -> None:
    for block in blocks_of(page):
        assert block.why_not or (not block.marker and block.script()), block.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_links_only_to_what_is_there(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text)
    named = re.findall(r"`((?:docs|checks|connectors|dbt_project|flows|linkage|returns|warehouse)/[\w./-]+)`", text)
    missing = [name for name in (*links, *named) if not (page.parent / name).exists() and not (ROOT / name).exists()]
    placeholders = [name for name in missing if re.search(r"[A-Z]{3,}", name)]
    assert sorted({*missing} - {*placeholders}) == []


@pytest.fixture
def with_the_pages_indicator(tmp_path: Path) -> Catalogue:
    """The catalogue with the file that ``docs/adding_an_indicator.md`` writes into it."""
    page = (ROOT / "docs" / "adding_an_indicator.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (name,) = re.findall(r"`dashboard/catalogue/(\d\d_\w+\.yml)`", page)
    for path in CATALOGUE.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / name).write_text(block, encoding="utf-8")
    return read_catalogue(tmp_path)


def test_the_indicator_that_the_page_adds_is_counted_in_the_borough(
    with_the_pages_indicator: Catalogue, session: tuple[Path, dict[str, str]]
) -> None:
    only = Catalogue(themes=with_the_pages_indicator.themes[-1:])
    warehouse = Home(Path(session[1]["SEND_HOME"])).warehouse
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = count_indicators(connection.cursor(), only).fetchall()
        assert {row[0] for row in rows} == {"welfare_visits"}
        expected = connection.execute(
            """
            select year(visit_date), count(*) filter (where visit_kind = 'welfare'), count(*)
            from core.fct_visit
            where child_id is not null and visit_date <= (select as_at from landing.run)
            group by all
            """
        ).fetchall()
    years = {row[2].year: (row[7], row[8]) for row in rows if row[1] == "calendar_year" and row[5] == "all"}
    assert sum(below for _, below in years.values()) > 0
    assert years == {year: (above, below) for year, above, below in expected if year in years}


def test_the_indicator_that_the_page_adds_is_in_style_and_on_the_page_of_indicators(
    with_the_pages_indicator: Catalogue,
) -> None:
    sql = with_the_pages_indicator.populations["visits"].sql
    problems = lint(sql.strip() + "\n", config=FluffConfig.from_path(str(ROOT / "dbt_project")))
    assert [(p["code"], p["description"]) for p in problems] == []
    assert "`welfare_visits`: How many of our visits" in indicators_page(with_the_pages_indicator)
