"""The flow of retention: personal data past its date is looked for, and removed where a person has said so by name.

What goes is gone from the landing first; the warehouse is built anew from what is left, and published as its gates
allow.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from connectors.configuration import read_configuration
from connectors.errors import SendError
from flows.nightly import nightly
from flows.run import plain_errors
from flows.schedules import one_run_a_day
from flows.settings import LONDON
from operations.store import OperationsStore
from protection.records import check_child, opened_warehouse
from protection.removal import Certificate, Remover, find_all_of, now
from protection.retention import find_due, read_policy
from warehouse.home import Home


def remove(
    home: Home, *, by: str, because: str, child_id: str | None, as_at: date | None, is_applied: bool
) -> Certificate:
    """Looks for what is past its date, or for all of one child, and removes it where ``is_applied``.

    Raises ``SendError`` where it is to be applied and nobody is named.
    """
    if is_applied and not by.strip():
        raise SendError("A removal needs the name of who orders it: --by NAME")
    configuration = read_configuration(home.folder)
    policy = read_policy().changed(configuration.retention)
    day = as_at or configuration.as_at or datetime.now(UTC).astimezone(LONDON).date()
    store = OperationsStore(home.operations_url)
    certificate = Certificate(
        act="erasure" if child_id else "retention",
        by=by.strip(),
        because=because.strip() or "The retention policy.",
        at=now(),
        as_at=day.isoformat(),
        child_id=child_id,
        children=0,
        rules=[],
    )
    certificate.kept_elsewhere += [
        f"The destination {name} of send.yml, until the run that follows reaches it: send status says whether it did."
        for name in configuration.publish_to
    ]
    with home.lock("retention"):
        home.clear_leftovers()
        with opened_warehouse(home) as connection:
            remover = Remover(home, connection, store, certificate, policy=None if child_id else policy)
            if child_id:
                check_child(connection, child_id)
                find_all_of(connection, child_id, remover.tables)
                certificate.rules = [
                    {"what": "all extracts", "rule": "erasure of one child", "basis": "UK GDPR, Article 17."}
                ]
            else:
                due = find_due(connection, remover.tables, policy, day)
                certificate.rules = [
                    *(
                        {
                            "what": found.extract,
                            "rule": f"until birthday {found.period.until_birthday}",
                            "basis": found.period.basis,
                            "children": found.children,
                            "records": found.records,
                        }
                        for found in due
                    ),
                    *(
                        {"what": name, "rule": f"{kept.years} years", "basis": kept.basis}
                        for name, kept in dict(policy.others).items()
                    ),
                ]
            remover.look()
            if is_applied:
                remover.apply()
        if is_applied:
            remover.finish()
    return certificate


@task(name="remove what is past its date", cache_policy=NO_CACHE)
@plain_errors
def remove_task(
    home: Home, by: str, because: str, child_id: str | None, as_at: date | None, is_applied: bool
) -> Certificate:
    """Looks, and removes where applied."""
    return remove(home, by=by, because=because, child_id=child_id, as_at=as_at, is_applied=is_applied)


@flow(name="retention")
@one_run_a_day("retention")
def retention(
    home: str,
    by: str = "",
    because: str = "",
    child_id: str | None = None,
    as_at: date | None = None,
    apply: bool = False,
) -> Certificate:
    """Personal data past its date in the home folder ``home``; a dry run unless ``apply`` and ``by`` say otherwise.

    Scheduled, it tells what is due and removes nothing.
    """
    certificate = remove_task(Home(Path(home)), by, because, child_id, as_at, apply)
    told = certificate.as_text().replace(f"Child: {child_id}", "") if child_id else certificate.as_text()
    create_markdown_artifact(told, key="retention", description="What is past its date, or was removed")
    if certificate.is_applied:
        nightly(home)
    return certificate
