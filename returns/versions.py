"""Signed-off returns: each a folder that never changes again, with all it takes to rebuild its very bytes.

``returns/2027/v001/`` in the home holds the XML, the Blade tables, the notes for DfE and ``version.json``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from connectors.configuration import Configuration, DesignatedOfficers, read_configuration
from connectors.errors import SendError
from operations.corrections import Corrections
from operations.store import OperationsStore
from returns.blade import write_blade
from returns.differences import Difference, differences
from returns.kept import SignedVersion, returns_folder, signed_versions, version_folder
from returns.notes import write_differences, write_notes
from returns.specification import Specification, read_specification
from returns.standing import CheckedReturn, check_opened, open_return
from returns.xml import Stamp, read_xml, write_xml
from returns.xsd import validate
from warehouse.build import DbtProject, PointInTime, register_sources
from warehouse.code import digest_of_code
from warehouse.home import Home


class ReturnHeld(SendError):
    """The return cannot be signed off as it stands."""


class NotReproduced(SendError):
    """A version rebuilt from the landing is not what was signed off."""


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _hash_of(specification: Specification) -> str:
    return hashlib.sha256(specification.model_dump_json().encode()).hexdigest()


def sign_off(home: Home, store: OperationsStore, *, by: str, stamp: Stamp) -> SignedVersion:
    """Signs the return off as it stands: checks it anew, writes it, validates what was written, keeps it for good.

    Raises ``ReturnHeld`` with every reason where an error stands, a rule did not run or a query is not explained,
    and where it differs in nothing from the version signed off last.
    """
    if not by.strip():
        raise SendError("A sign-off needs a name: --by NAME")
    with home.lock(), open_return(home.warehouse, home.temporary) as connection:
        checked = check_opened(connection, store, home)
        if checked.held_by:
            raise ReturnHeld("The return cannot be signed off:\n" + "\n".join(f"- {r}" for r in checked.held_by))
        return _keep(home, connection, checked, by.strip(), stamp)


def _keep(
    home: Home, connection: duckdb.DuckDBPyConnection, checked: CheckedReturn, by: str, stamp: Stamp
) -> SignedVersion:
    specification = read_specification(checked.year)
    earlier = signed_versions(home, checked.year)
    number = earlier[-1].version + 1 if earlier else 1
    folder = returns_folder(home, checked.year)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".partial-*"):
        shutil.rmtree(leftover)
    partial = folder / f".partial-v{number:03d}"
    partial.mkdir(mode=0o700)
    try:
        return _write_version(home, connection, checked, specification, partial, number, earlier, by, stamp)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # what is not signed off leaves no copy of the children's data
        raise


def _write_version(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    checked: CheckedReturn,
    specification: Specification,
    partial: Path,
    number: int,
    earlier: list[SignedVersion],
    by: str,
    stamp: Stamp,
) -> SignedVersion:
    """Writes all of a version into ``partial`` and puts it in its place by one rename."""
    name = f"{checked.lea}_SEN2_{checked.year % 100:02d}_{stamp.serial_number:03d}.xml"
    write_xml(connection, specification, partial / name, stamp)
    if invalid := validate(partial / name, specification):
        places = "\n".join(f"- line {error.line:,}: {error.element} {error.problem}" for error in invalid[:20])
        raise ReturnHeld(f"The XML does not keep to the specification:\n{places}")
    changed: list[Difference] = []
    if earlier:
        before = version_folder(home, earlier[-1]) / earlier[-1].file
        read_xml(before, specification, connection, "sen2_before")
        changed = list(differences(connection, "sen2_before", "sen2"))
        if not changed:
            raise ReturnHeld(f"The return differs in nothing from version {earlier[-1].version}, signed off before.")
        write_differences(partial / "differences.xlsx", changed)
    write_blade(connection, specification, partial / "blade", stamp, stamp.date_time.date())
    write_notes(partial / "notes.xlsx", checked, specification)
    version = SignedVersion(
        year=checked.year,
        version=number,
        signed_off_by=by,
        signed_off_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        content=_sha256(partial / name),
        file=name,
        lea=checked.lea,
        as_at=checked.as_at.isoformat(),
        known_at=checked.known_at.isoformat(),
        release=stamp.release,
        serial_number=stamp.serial_number,
        date_time=stamp.date_time.isoformat(),
        software_code=stamp.software_code,
        code=digest_of_code(),
        specification=_hash_of(specification),
        rows=checked.rows,
        queries=len(checked.queries),
        differences=len(changed),
        officers=_officers(connection),
    )
    (partial / "version.json").write_text(json.dumps(asdict(version), indent=2) + "\n", encoding="utf-8")
    for path in partial.rglob("*"):
        if path.is_file():
            path.chmod(0o440)
    partial.rename(version_folder(home, version))
    return version


def _officers(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """The officers as the return states them, whatever the configuration says by now."""
    found = connection.execute("select dmo, dco, dsco from sen2.sen2_header").fetchone() or (None, None, None)
    return dict(zip(("medical", "clinical", "social_care"), found, strict=True))


def reproduce(home: Home, version: SignedVersion) -> str:
    """Rebuilds a version from the landing, as known when it was signed off, and gives the hash of its XML.

    Raises ``NotReproduced`` where that is not the hash that was signed off, saying what has changed since.
    """
    moment = PointInTime(date.fromisoformat(version.as_at), datetime.fromisoformat(version.known_at))
    specification = read_specification(version.year)
    with home.lock():
        home.clear_leftovers()
        officers = DesignatedOfficers(**version.officers)
        configuration = read_configuration(home.folder).model_copy(update={"designated_officers": officers})
        with _rebuilt(home, configuration, moment) as connection:
            again = home.temporary / version.file
            write_xml(connection, specification, again, version.stamp)
            found = _sha256(again)
            again.unlink()
    if found != version.content:
        changed = [
            what
            for what, is_changed in (
                ("the code", digest_of_code() != version.code),
                ("the specification", _hash_of(specification) != version.specification),
            )
            if is_changed
        ]
        why = f"since then {' and '.join(changed)} changed: install the release it was signed off with"
        if not changed:
            why = "neither models nor specification changed: restore the landing's backup, or install that release"
        raise NotReproduced(
            f"Version {version.version} of the {version.year} return, rebuilt, is not what was signed off; {why}."
        )
    return found


@contextmanager
def _rebuilt(home: Home, configuration: Configuration, moment: PointInTime) -> Iterator[duckdb.DuckDBPyConnection]:
    """The return of another moment, rebuilt beside the warehouse, which it leaves alone."""
    store = OperationsStore(home.operations_url)
    try:
        answers = store.identity_answers(moment.known_at)
        corrections = Corrections(store).standing(moment.as_at, moment.known_at)
    finally:
        store.close()
    register_sources(configuration, home, moment, answers, corrections)
    try:
        DbtProject(home).build()
        with open_return(home.building, home.temporary) as connection:
            yield connection
    finally:
        home.building.unlink(missing_ok=True)
