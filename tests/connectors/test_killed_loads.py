"""A load killed at any step leaves the landing as it was, or as it will be."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.connectors.conftest import Delivery
from tests.connectors.messages import CHILDREN

Deliver = Callable[..., Delivery]

# Loads once, killing its own process just before or just after the step named.
KILLED_LOAD = """
import os, signal, sys
from pathlib import Path
from connectors import load, manifest
from tests.connectors.conftest import Delivery

step, moment, folder = sys.argv[1:]
owner = {"_move": load._Load, "commit": load, "write_whole": manifest}[step]
real = getattr(owner, step)

def killed(*arguments, **named):
    if moment == "after":
        real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, step, killed)
Delivery(Path(folder), "ehc_case", nights=1).load()
"""


@pytest.mark.parametrize(
    ("step", "moment", "is_landed"),
    [
        ("_move", "before", False),
        ("_move", "after", False),
        ("commit", "before", False),
        ("write_whole", "before", False),
        ("commit", "after", True),
    ],
)
def test_a_kill_at_any_step_is_all_or_nothing(deliver: Deliver, step: str, moment: str, is_landed: bool) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    delivery.put("child.csv", CHILDREN.replace("K1,", "K9,") + "K5,Short\n")

    killed = subprocess.run([sys.executable, "-c", KILLED_LOAD, step, moment, str(delivery.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL

    first = "K2" if is_landed else "K1"
    delivery.nights = 2
    assert delivery.rows("child", "case_id")[0] == (first,)
    assert delivery.load().is_anything_new is not is_landed
    assert [row[0] for row in delivery.rows("child", "case_id")] == ["K2", "K3", "K9"]
    assert [row[4] for row in delivery.quarantine()] == ["ragged_row"]
    assert list((delivery.folder / "tmp").iterdir()) == []
    assert delivery.rows("child", "distinct _load_id") == [("000002-ehc_case",)]
