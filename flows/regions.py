"""``send region``: many LAs from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import yaml

from connectors.errors import ConfigurationError, SendError
from flows.terminal import Json, output, print_json, print_rows, progress
from warehouse.home import Home

region = typer.Typer(
    name="region", help="Many LAs, a home each: run them all, see how they stand.", no_args_is_help=True
)
File = Annotated[Path, typer.Option("--file", help="The region's file.")]


@region.command()
def init(
    member: Annotated[
        list[str], typer.Option("--home", help="An LA's code and home, as 883=/srv/send/883. Repeat it.")
    ],
    name: Annotated[str, typer.Option(help="The region's name.")] = "Region",
    file: File = Path("region.yml"),
) -> None:
    """Write the region's file, and a first configuration in each home that has none."""
    from flows.configuring import write_first_configuration
    from flows.membership import Region

    if file.exists():
        raise ConfigurationError(f"{file} exists already. Change it by hand, or move it away first.")
    members = {}
    for text in member:
        code, is_given, place = text.partition("=")
        if not is_given or not place:
            raise typer.BadParameter(f"{text!r} is no code and home such as 883=/srv/send/883.")
        members[code] = {"home": str(Path(place))}
    described = Region.model_validate({"name": name, "folder": file.resolve().parent, "members": members})
    text = yaml.safe_dump({"name": name, "parallel": 2, "members": members}, sort_keys=False)
    file.write_text(
        f"# The LAs of a region: docs/region.md. Homes are relative to this file unless they begin with /.\n{text}"
    )
    for code in described.members:
        home = described.home_of(code)
        if not home.configuration.exists():
            home.create()
            write_first_configuration(home, code, "")
    output().print(f"{file} is written. Fill in each home's send.yml, then: send region run", markup=False)


@region.command()
def run(
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this LA; may be repeated.")] = None,
    file: File = Path("region.yml"),
    json_output: Json = False,
) -> None:
    """Run every LA, each in a process of its own, and make the region's figures."""
    from flows.membership import RegionFailed, read_region, run_and_gather

    described = read_region(file)
    with progress(f"Running {len(described.members)} LAs", json_output):
        night = run_and_gather(described, only or ())
    if json_output:
        print_json(asdict(night))
    else:
        rows = [(m.la_code, m.outcome, m.as_at, m.problem or night.figures.get(m.la_code)) for m in night.members]
        print_rows(described.name, ["LA", "run", "as at", "figures, or why not"], rows)
    if night.failed:
        raise RegionFailed(f"The runs of LA {', '.join(m.la_code for m in night.failed)} failed; the others are done.")
    if any(member.outcome == "held" for member in night.members):
        raise typer.Exit(1)


@region.command()
def status(file: File = Path("region.yml"), json_output: Json = False) -> None:
    """Say of every LA what is published, of which day, and what is held."""
    from flows.membership import read_region, send_on

    described = read_region(file)
    lines = []
    for code in described.members:
        try:
            done = send_on(described, code, "status", "--json")
            told = json.loads(done.stdout)
        except SendError as error:
            lines.append((code, "failed", str(error)))
            continue
        except ValueError:
            said = done.stderr.strip().splitlines()
            lines.append((code, "failed", said[-1] if said else ""))
            continue
        products = "; ".join(f"{line['product']} {line['status']} {line['as_at'] or ''}" for line in told["products"])
        lines.append((code, told["last_run_outcome"] or "never run", products))
    if json_output:
        print_json([dict(zip(("la_code", "last_run", "products"), line, strict=True)) for line in lines])
    else:
        print_rows(described.name, ["LA", "last run", "products"], lines)


@region.command()
def deployments(file: File = Path("region.yml")) -> None:
    """Write a Prefect deployment for each LA, as a prefect.yaml to deploy from."""
    from flows.membership import read_region, region_deployments

    text = yaml.safe_dump({"name": "send", "deployments": region_deployments(read_region(file))}, sort_keys=False)
    sys.stdout.write(text)


@region.command("hand-over", hidden=True)
def hand_over(out: Path) -> None:
    """Write this home's own figures for its region; says which day they are of."""
    from flows.membership import PRODUCT, figures_of
    from warehouse.publication import standing_publication

    home = Home.from_environment()
    figures_of(home, out)
    standing = standing_publication(home, PRODUCT)
    sys.stdout.write(f"{standing.as_at if standing else ''}\n")
