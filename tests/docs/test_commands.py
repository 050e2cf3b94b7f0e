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

import pytest

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
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
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
    }
    for arguments in (["demo", "--children", "300"], ["run"]):
        done = subprocess.run(
            [str(commands / "send"), *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
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
