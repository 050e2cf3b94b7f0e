"""A whole run opens no connection off the machine and writes nothing personal where it does not belong."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.flows.conftest import WORDS, PrefectServer, SendHome

RECORDER = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        place = address[0] if isinstance(address, tuple) else "local"
    elif event == "socket.getaddrinfo":
        place = str(arguments[0])
    else:
        return
    with open(os.environ["CONNECTIONS_SEEN"], "a") as seen:
        seen.write(f"{place}\\n")
sys.addaudithook(note)
"""
ON_THIS_MACHINE = {"local", "127.0.0.1", "::1", "localhost", "0.0.0.0", "", "None"}


def test_a_whole_run_opens_no_connection_off_the_machine(fresh_home: SendHome, tmp_path: Path) -> None:
    fresh_home.prefect_api = None  # with the server that the run starts itself, which must be as quiet
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(RECORDER)
    seen = tmp_path / "connections"
    done = fresh_home.send("run", PYTHONPATH=str(tmp_path / "hook"), CONNECTIONS_SEEN=str(seen))
    assert done.returncode == 0, done.stderr
    places = set(seen.read_text().split("\n"))
    assert "127.0.0.1" in places, "the recorder saw not even Prefect's own connection"
    assert places <= ON_THIS_MACHINE


def personal_values(extracts: Path) -> set[str]:
    """Every name, date of birth and identifier of the borough that could be told from ordinary text."""
    values: set[str] = set()
    with (extracts / "ehc_case" / "child.csv").open(encoding="utf-8", newline="") as handle:
        for child in csv.DictReader(handle):
            values |= {
                child[column] for column in ("case_id", "upn", "uln", "nhs_number", "social_care_id", "birth_date")
            }
            values |= {child[column] for column in ("postcode", "address", "parent_email")}
            values |= {child["surname"], child["forename"], f"{child['forename']} {child['surname']}"}
    for path in (extracts / "therapy_waits").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as handle:
            for patient in csv.DictReader(handle):
                values |= {patient[column] for column in ("nhs_number", "local_patient_id", "birth_date", "surname")}
    for path in (extracts / "school_census").glob("*.xml"):
        text = path.read_text(encoding="utf-8")
        for element in ("UPN", "DOB", "Surname", "Forename", "ULN"):
            values |= set(re.findall(f"<{element}>([^<]*)</{element}>", text))
    for path in (extracts / "cin_census").glob("*.xml"):
        values |= set(re.findall("<LAchildID>([^<]*)</LAchildID>", path.read_text(encoding="utf-8")))
    return {value for value in values if len(value) >= 4}


def texts_of_a_run(home: Path, done: subprocess.CompletedProcess[str]) -> Iterator[tuple[str, str]]:
    """What a run printed, and its log files."""
    yield "what it printed", done.stdout + done.stderr
    for path in home.rglob("*.log*"):
        yield str(path), path.read_text(errors="replace")


def test_nothing_personal_is_printed_logged_or_kept_by_prefect(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]], prefect_server: PrefectServer
) -> None:
    home, done = run_home
    values = personal_values(home.folder / "borough" / "extracts")
    assert len(values) > 1000
    prefect_kept = prefect_server.kept()
    assert "nightly-summary" in prefect_kept
    # Prefect's own descriptions hold words that are surnames too, such as Field, before anything has run.
    assert not values & set(WORDS.findall(prefect_kept)) - prefect_server.before
    for where, text in texts_of_a_run(home.folder, done):
        leaked = values & set(WORDS.findall(text))
        leaked |= {value for value in values if " " in value and value in text}
        assert not leaked, f"{len(leaked)} personal values in {where}"
