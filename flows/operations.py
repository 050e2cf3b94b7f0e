"""``send operations``: copies of the operations store, which holds what people decided and cannot be built anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.terminal import Json, output, print_json
from warehouse.home import Home

operations = typer.Typer(
    name="operations", help="The operations store: take a copy, bring a copy back.", no_args_is_help=True
)


@operations.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    json_output: Json = False,
) -> None:
    """Copy the operations store to one file, while runs and people go on. Personal data."""
    from operations.backup import back_up
    from operations.store import OperationsStore

    counts = back_up(OperationsStore(Home.from_environment().operations_url), file)
    if json_output:
        print_json(counts)
    else:
        output().print(
            f"{sum(counts.values()):,} rows are in {file}. Personal data: keep it safe, beside the landing's backup.",
            highlight=False,
        )


@operations.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A copy that send operations backup wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Though the store holds findings and runs.")] = False,
    json_output: Json = False,
) -> None:
    """Bring a copy back: the store then holds what the copy holds."""
    from operations.backup import restore as bring_back
    from operations.store import OperationsStore

    counts = bring_back(OperationsStore(Home.from_environment().operations_url), file, is_replacing=replace)
    if json_output:
        print_json(counts)
    else:
        output().print(f"{sum(counts.values()):,} rows are brought back from {file}.", highlight=False)
