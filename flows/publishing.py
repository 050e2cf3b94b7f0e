"""``send publish``: what stands published goes to the council's destinations now, without a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from connectors.errors import SendError
from flows.terminal import Json, output, print_json, progress
from warehouse.home import Home


def publish(
    destination: Annotated[str | None, typer.Argument(help="Only this destination of send.yml.")] = None,
    json_output: Json = False,
) -> None:
    """Publish what stands at the council's destinations: their PostgreSQL, a share."""
    from connectors.configuration import read_configuration
    from flows.run import delivery_line
    from operations.deliveries import record_deliveries
    from operations.store import OperationsStore
    from warehouse.publishing.destinations import deliver

    home = Home.from_environment()
    configuration = read_configuration(home.folder)
    if not configuration.publish_to:
        raise SendError(f"{home.configuration} names no destination. Say where under publish_to: docs/publishing.md")
    with progress("Publishing for others", json_output), home.lock():
        outcomes = deliver(home, configuration, destination)
        record_deliveries(OperationsStore(home.operations_url), [delivery for delivery, _ in outcomes])
    lines = [delivery_line(delivery, to_do) for delivery, to_do in outcomes]
    if json_output:
        print_json([asdict(line) for line in lines])
    else:
        for line in lines:
            output().print(line.as_markdown().replace("**", ""), markup=False, highlight=False)
    if failed := [line for line in lines if line.outcome == "failed"]:
        raise SendError(f"{len(failed)} of {len(lines)} products could not be delivered; the lines above say why.")
