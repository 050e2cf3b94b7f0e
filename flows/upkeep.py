"""Commands of whoever keeps it running: the notices that stand and where they go, and the warehouse's own pages."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

import typer

from connectors.errors import ConfigurationError
from flows.terminal import Json, output, print_json, print_rows, progress
from warehouse.home import Home

notices = typer.Typer(name="notices", help="What people were told and still stands; where notices go.")


@notices.callback(invoke_without_command=True)
def standing(context: typer.Context, json_output: Json = False) -> None:
    """Show the notices that stand, each with the runbook's section on it."""
    if context.invoked_subcommand is not None:
        return
    from flows.notices import anchor
    from operations.notices import standing_notices
    from operations.store import OperationsStore

    found = standing_notices(OperationsStore(Home.from_environment().operations_url))
    told: list[dict[str, Any]] = [
        {
            "since": str(state.since),
            "for": state.notice.owner,
            "notice": state.notice.text,
            "runbook": anchor(state.notice.kind),
            "not_reached": ", ".join(state.owed_to),
        }
        for state in found
    ]
    if json_output:
        print_json(told)
    else:
        headings = ["since", "for", "notice", "runbook", "not_reached"]
        print_rows("Notices", headings, [tuple(line.values()) for line in told])


@notices.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it, for example send-team.")],
    address_env: Annotated[
        str,
        typer.Option(
            help="The environment variable that holds the address as Apprise writes it: mailtos://... for e-mail."
        ),
    ],
) -> None:
    """Keep an address for notices in Prefect, as a secret; name it in send.yml under notify."""
    address = os.environ.get(address_env)
    if not address:
        raise ConfigurationError(f"The environment variable {address_env} is not set. It holds the address.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ConfigurationError(f"{name!r} is no name for an address; use lower-case letters, digits and dashes.")
    from apprise import Apprise

    if not Apprise().add(address):
        raise ConfigurationError(
            f"The address in {address_env} is not one that Apprise knows. It looks like "
            "mailtos://user:password@server?to=somebody@council.gov.uk, or a Teams or Slack webhook's."
        )
    home = Home.from_environment()
    home.create()
    with _prefect(home):
        from pydantic import SecretStr

        from flows.channels import NoticeAddress

        NoticeAddress(url=SecretStr(address)).save(name, overwrite=True)
    output().print(f"Kept. Name it in {home.configuration}: notify: [notice-address/{name}]", markup=False)


@notices.command()
def test() -> None:
    """Send a trial notice to every channel that send.yml names, and say which were reached."""
    from connectors.configuration import read_configuration

    home = Home.from_environment()
    configuration = read_configuration(home.folder)
    if not configuration.notify:
        raise ConfigurationError("send.yml names no channel under notify; notices go to home/notices alone.")
    with _prefect(home):
        from flows.notices import try_channels

        reached = try_channels(configuration)
    print_rows("Channels", ["channel", "reached"], [(name, problem or "yes") for name, problem in reached.items()])
    if any(reached.values()):
        raise ConfigurationError("Not every channel was reached. Check its address, and that the server lets us out.")


def _prefect(home: Home) -> Any:
    """The Prefect server, answering."""
    from contextlib import contextmanager

    from flows.server import prefect_server

    @contextmanager
    def answering() -> Any:
        with prefect_server(home) as server:
            if server is not None:
                server.wait()
            yield

    return answering()


def docs(json_output: Json = False) -> None:
    """Write the warehouse's own pages, every table and column with its meaning and where it comes from, as one file."""
    from warehouse.pages import write_pages

    home = Home.from_environment()
    with progress("Writing the pages", json_output):
        path = write_pages(home)
    if json_output:
        print_json({"pages": path.as_uri()})
    else:
        output().print(f"The warehouse's pages are in {path}", markup=False)
