"""Loads one extract in a process of its own, which can be ended: a database or server that hangs holds up no run.

A thread that waits inside a driver cannot be interrupted; a process can. One killed leaves the landing as before the
load, or as after it (``load_extract``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from connectors import errors
from connectors.configuration import Configuration
from connectors.errors import SendError, SourceTooSlow
from connectors.load import LoadReport, load_extract


def load_within(
    seconds: float, configuration: Configuration, extract: str, load_id: str, run_id: str, known_at: datetime
) -> LoadReport:
    """``load_extract`` in a process that is ended after ``seconds``.

    Raises as ``load_extract``, and ``SourceTooSlow`` where the time has passed: then nothing was landed.
    """
    job = {
        "configuration": configuration.model_dump(mode="json", by_alias=True),
        "extract": extract,
        "load_id": load_id,
        "run_id": run_id,
        "known_at": known_at.isoformat(),
    }
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with (
        TemporaryFile() as answered,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "connectors.apart"],
            stdin=subprocess.PIPE,
            stdout=answered,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process,
    ):
        assert process.stdin
        try:
            with suppress(BrokenPipeError):  # it has ended already; that it left no answer is told below
                process.stdin.write(json.dumps(job).encode() + b"\n")
                process.stdin.flush()
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise SourceTooSlow(
                f"{extract}: the source did not give everything within {seconds / 60:,.0f} minutes and was given up; "
                "nothing was landed. Check that it is up and not locked; if it is only slow, give it a longer "
                f"time_limit_minutes under sources, {extract}, in send.yml."
            ) from None
        finally:
            process.kill()
        answered.seek(0)
        return _report(extract, answered.read())


def _report(extract: str, answered: bytes) -> LoadReport:
    """What the process said of its load. Raises the error it met."""
    answer: dict[str, Any] = json.loads(answered or b"{}")
    if "report" in answer:
        report = answer["report"]
        written = report["delivered_at"]
        report["refused"] = [(file, reason) for file, reason in report["refused"]]
        report["delivered_at"] = written and datetime.fromisoformat(written)
        return LoadReport(**report)
    if "error" in answer:
        kind: type[SendError] = getattr(errors, answer["error"], SendError)
        raise kind(answer["message"])
    why = answer.get("stopped", "the process ended, perhaps for want of memory")
    raise SendError(f"{extract}: loading stopped: {why}. Nothing of this extract was landed.")


def end_with_parent() -> None:
    """Ends this process when its input closes, so that a killed run leaves nothing at work behind its lock."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _answer(line: str) -> dict[str, Any]:
    job = json.loads(line)
    home = Path(job["configuration"]["home"])
    configuration = Configuration.model_validate({**job["configuration"], "home": home})
    try:
        report = load_extract(
            configuration, job["extract"], job["load_id"], job["run_id"], datetime.fromisoformat(job["known_at"])
        )
    except SendError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:
        # A library's message may quote the value it failed on: only the kind of error and the place leave here.
        place = traceback.extract_tb(error.__traceback__)[-1]
        return {"stopped": f"unforeseen {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"}
    delivered_at = report.delivered_at and report.delivered_at.isoformat()
    return {"report": {**asdict(report), "delivered_at": delivered_at}}


def main() -> None:
    """The process: reads one job as a line of JSON, and answers it with a line of JSON."""
    line = bytearray()
    while not line.endswith(b"\n"):  # unbuffered, so that what closes the input later is seen
        piece = os.read(0, 1 << 16)
        if not piece:
            return
        line += piece
    threading.Thread(target=end_with_parent, daemon=True).start()
    print(json.dumps(_answer(line.decode())), flush=True)


if __name__ == "__main__":
    main()
