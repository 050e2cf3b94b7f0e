"""One small invented borough, run once for the tests that only look at what a run leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SMALL_BOROUGH = ["--children", "2500"]


@dataclass
class SendHome:
    """A home folder and the ``send`` command run on it, as a user does: in a process of its own."""

    folder: Path

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SEND_"))}
        return {**kept, "SEND_HOME": str(self.folder), **extra}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.command_line", *arguments],
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def answer(self, *arguments: str) -> Any:
        """What a command that must go well answers as JSON."""
        done = self.send(*arguments, "--json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def run_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[SendHome, subprocess.CompletedProcess[str]]:
    """A home after ``send demo`` and one ``send run``, with what the run printed. Tests only read it."""
    home = SendHome(tmp_path_factory.mktemp("home"))
    made = home.send("demo", *SMALL_BOROUGH)
    assert made.returncode == 0, made.stderr
    return home, home.send("run")


@pytest.fixture
def fresh_home(tmp_path: Path) -> SendHome:
    """A home with a small invented borough and nothing landed yet."""
    home = SendHome(tmp_path / "home")
    made = home.send("demo", "--children", "300")
    assert made.returncode == 0, made.stderr
    return home
