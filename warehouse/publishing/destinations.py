"""The council's destinations: what of the published products goes where, and what became of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from connectors.configuration import Configuration, DestinationConfiguration
from connectors.errors import ConfigurationError, SendError
from connectors.removals import removals
from operations.deliveries import Delivery
from warehouse.home import Home
from warehouse.publication import Publication, standing_publication
from warehouse.publishing import folder, postgresql
from warehouse.publishing.postgresql import Delivered, DestinationFailed

Outcome = tuple[Delivery, tuple[str, ...]]
"""What became of a product at a destination, and what is left to its administrator."""


def deliver(home: Home, configuration: Configuration, only: str | None = None) -> list[Outcome]:
    """Publishes at each destination (or ``only`` one) the products it is to have, as they stand in the home.

    What stands passed its gate, so nothing held goes out. Gives each outcome, with what a person must still do there.
    One destination that fails stops no other. Raises ``ConfigurationError`` where there is no such destination.
    """
    if only is not None and only not in configuration.publish_to:
        known = ", ".join(configuration.publish_to) or "none"
        raise ConfigurationError(f"send.yml has no destination {only!r} under publish_to; there are: {known}.")
    return [
        outcome
        for name, destination in configuration.publish_to.items()
        if only in (None, name)
        for outcome in _deliver_to(home, name, destination)
    ]


def _deliver_to(home: Home, name: str, destination: DestinationConfiguration) -> Iterator[Outcome]:
    for product in destination.products:
        standing = standing_publication(home, product)
        if standing is None:
            continue
        # the version's own folder: the product's link may move meanwhile
        version = (home.published / product).resolve()
        run_id = str(json.loads((version / "publication.json").read_text())["run_id"])
        told = Delivery(name, product, "delivered", run_id, standing.content, date.fromisoformat(standing.as_at))
        try:
            made = _send(home, name, destination, standing, version, run_id)
        except SendError as error:
            yield Delivery(**{**vars(told), "outcome": "failed", "problem": str(error)}), ()
            continue
        yield (told if made.is_new else Delivery(**{**vars(told), "outcome": "standing"})), made.to_do


def _send(
    home: Home,
    name: str,
    destination: DestinationConfiguration,
    standing: Publication,
    version: Path,
    run_id: str,
) -> Delivered:
    if destination.kind == "folder":
        removed_at = max((removal.at for removal in removals(home.landing)), default=None)
        return folder.publish_product(home.folder / (destination.path or ""), standing, version, removed_at)
    url = os.environ.get(destination.url_env or "", "")
    if not url:
        raise DestinationFailed(
            f"The environment variable {destination.url_env}, which is to hold the address of {name}, is not set. "
            "Set it where the run is scheduled, then: send publish"
        )
    return postgresql.publish_product(url, destination, standing, version, run_id)
