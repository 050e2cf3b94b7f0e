"""Many local authorities side by side: a home each, a process each, and figures of all of them that name no child.

A region's processes see one home alone. What they hand over is what their own dashboard publishes to everybody:
counts, small ones withheld. The region's file is made of these; no record of a child is in it or was ever near it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.errors import ConfigurationError, SendError
from connectors.typing_rules import literal
from warehouse.home import Home
from warehouse.publication import standing_publication

FIGURES = "figures.parquet"
TOLD = "region.json"
PRODUCT, TABLE = "dashboard", "indicator_public"
"""What a home hands over: the figures that its dashboard shows to everybody."""
FIGURE_COLUMNS = (
    *("indicator_id", "period_kind", "period_start", "period_end", "is_complete", "breakdown", "breakdown_value"),
    *("numerator", "denominator", "value", "suppressed", "shown"),
)
OF_ONE_HOME = ("SEND_HOME", "SEND_OPERATIONS_URL", "SEND_CONSOLE_KEY", "PREFECT_HOME")
"""Settings that belong to one home: a region's process gets its own home's or none."""


class RegionFailed(SendError):
    """Some of a region's homes did not come to their end; the others did."""


class Member(BaseModel):
    """One local authority of a region: where its home is, and which environment variables are its own.

    ``environment`` gives by the name a home's process sees the variable of the region's environment that holds it,
    such as ``SEND_CASE_SYSTEM_URL: SEND_883_CASE_SYSTEM_URL``. ``work_pool`` is the Prefect work pool of its machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path
    environment: dict[str, str] = {}
    work_pool: str = "send"


class Region(BaseModel):
    """A region: its name, its members by LA code, and how many of their runs go at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    folder: Path
    members: dict[str, Member] = Field(min_length=1)
    parallel: int = Field(default=2, ge=1, le=64)

    @model_validator(mode="after")
    def _homes_are_apart(self) -> Region:
        places = {code: (self.folder / member.home).resolve() for code, member in self.members.items()}
        for code, place in places.items():
            if not (code.isdigit() and len(code) == 3):
                raise ValueError(f"{code!r} is no LA code; one has three digits")
            for other, elsewhere in places.items():
                if other != code and (place == elsewhere or place.is_relative_to(elsewhere)):
                    raise ValueError(f"the homes of {code} and {other} lie within each other; each needs its own")
        return self

    def home_of(self, code: str) -> Home:
        """The home of one member."""
        return Home((self.folder / self.members[code].home).resolve())


def read_region(path: Path) -> Region:
    """The region described in a file such as ``region.yml``. Raises ``ConfigurationError``."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        members = {str(code): member for code, member in dict(written.get("members") or {}).items()}
        return Region.model_validate({**written, "members": members, "folder": path.resolve().parent})
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist. Write a first one with: send region init") from None
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{path}: {told}.") from None
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read as a region ({type(error).__name__}).") from None


@dataclass(frozen=True)
class MemberRun:
    """How the run of one LA went: published, held, or failed with the reason that its own process gave."""

    la_code: str
    outcome: str
    problem: str | None = None
    as_at: str | None = None
    products: dict[str, str] = field(default_factory=dict)


def environment_of(region: Region, code: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a member's process sees: its own home and its own secrets, and no other member's.

    Raises ``ConfigurationError`` naming a variable that is not set.
    """
    secret = {name for member in region.members.values() for name in member.environment.values()}
    seen = {name: value for name, value in given.items() if name not in secret and name not in OF_ONE_HOME}
    for name, source in region.members[code].environment.items():
        if source not in given:
            raise ConfigurationError(f"The environment variable {source}, meant for LA {code}, is not set.")
        seen[name] = given[source]
    return {**seen, "SEND_HOME": str(region.home_of(code).folder)}


def send_on(region: Region, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the ``send`` command on one home, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flows.command_line", *arguments],
        env=environment_of(region, code, os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def run_member(region: Region, code: str) -> MemberRun:
    """Runs one LA to its end. What fails there is told and harms no other."""
    try:
        done = send_on(region, code, "run", "--json")
        told = json.loads(done.stdout) if done.returncode in (0, 1) else None
    except SendError as error:
        return MemberRun(code, "failed", str(error))
    except (OSError, ValueError) as error:
        return MemberRun(code, "failed", f"Its process could not be run ({type(error).__name__}).")
    if told is None:
        said = done.stderr.strip().splitlines()
        return MemberRun(code, "failed", said[-1] if said else f"Its process ended with {done.returncode}.")
    products = {line["product"]: line["status"] for line in told["products"]}
    return MemberRun(code, "held" if told["is_any_product_held"] else "published", None, told["as_at"], products)


def run_region(region: Region, only: Sequence[str] = ()) -> list[MemberRun]:
    """Runs each LA (or ``only`` some), as many at once as the region says, and gives how each went, by code.

    Raises ``ConfigurationError`` for a code that is no member's.
    """
    codes = list(only) or list(region.members)
    if unknown := [code for code in codes if code not in region.members]:
        raise ConfigurationError(f"No LA {', '.join(unknown)} is in this region: {', '.join(region.members)}.")
    with ThreadPoolExecutor(region.parallel) as pool:
        return list(pool.map(lambda code: run_member(region, code), codes))


def figures_of(home: Home, out: Path) -> int:
    """Writes the figures that this home's dashboard shows to everybody to ``out``; gives how many.

    Raises ``SendError`` where nothing is published.
    """
    standing = standing_publication(home, PRODUCT)
    path = (home.published / PRODUCT).resolve() / f"{TABLE}.parquet"
    if standing is None or not path.exists():
        raise SendError(f"{home.folder} has published no dashboard yet, so there are no figures to hand over.")
    columns = ", ".join(FIGURE_COLUMNS)
    with duckdb.connect(config={"threads": "1"}) as connection:
        ((count,),) = connection.execute(
            f"copy (select {columns} from read_parquet({literal(str(path))}) order by all) to {literal(str(out))} "
            "(format parquet, compression zstd)"
        ).fetchall()
    return int(count)


def gather(region: Region) -> dict[str, str]:
    """Makes the region's file of figures from what each LA's own process hands over, by one rename.

    Gives by LA the day its figures are of, or why it has none. An LA without figures keeps none from before.
    """
    target = region.folder / "region"
    target.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Path] = {}
    told: dict[str, str] = {}
    for code in region.members:
        part = target / f".{code}.partial"
        part.unlink(missing_ok=True)
        done = send_on(region, code, "region", "hand-over", str(part))
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            told[code] = said[-1].removeprefix("send: ") if said else f"Its process ended with {done.returncode}."
            continue
        parts[code] = part
        told[code] = done.stdout.strip()
    try:
        _unite(parts, target / FIGURES)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    made = datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    (target / TOLD).write_text(json.dumps({"region": region.name, "made_at": made, "figures": told}, indent=2) + "\n")
    return told


def _unite(parts: Mapping[str, Path], target: Path) -> None:
    """The figures of each LA under its code. No sum over LAs is made: a withheld figure could be told from it."""
    selects = [
        f"select {literal(code)} as la_code, {', '.join(FIGURE_COLUMNS)} from read_parquet({literal(str(path))})"
        for code, path in parts.items()
    ]
    if not selects:
        target.unlink(missing_ok=True)
        return
    partial = target.with_suffix(".partial")
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute(
            f"copy ({' union all '.join(selects)} order by all) to {literal(str(partial))} "
            "(format parquet, compression zstd)"
        )
    partial.replace(target)


@dataclass(frozen=True)
class RegionRun:
    """How a region's night went: each LA's run, and the day of the figures each handed over, or why none."""

    region: str
    members: tuple[MemberRun, ...]
    figures: dict[str, str]

    @property
    def failed(self) -> list[MemberRun]:
        """The LAs whose run failed."""
        return [member for member in self.members if member.outcome == "failed"]

    def as_markdown(self) -> str:
        """The night as a table for a person."""
        lines = [f"# {self.region}", "", "| LA | outcome | as at | why |", "|---|---|---|---|"]
        lines += [f"| {m.la_code} | {m.outcome} | {m.as_at or ''} | {m.problem or ''} |" for m in self.members]
        return "\n".join(lines) + "\n"


def run_and_gather(region: Region, only: Sequence[str] = ()) -> RegionRun:
    """Runs the LAs and makes the region's figures anew."""
    members = run_region(region, only)
    return RegionRun(region.name, tuple(members), gather(region))


def region_deployments(described: Region) -> list[dict[str, Any]]:
    """A Prefect deployment for each LA: its nightly run on its home, on its machine's work pool, tagged by its code.

    Each is what one entry of ``prefect.yaml`` holds under ``deployments``.
    """
    return [
        {
            "name": f"nightly-{code}",
            "description": f"The nightly run of LA {code} ({described.name}).",
            "entrypoint": "flows/nightly.py:nightly",
            "parameters": {"home": str(described.home_of(code).folder)},
            "tags": ["send", "region", code],
            "schedules": [{"cron": "0 2 * * *", "timezone": "Europe/London"}],
            "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
            "work_pool": {"name": member.work_pool},
        }
        for code, member in described.members.items()
    ]
