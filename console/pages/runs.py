"""Runs and loads: what each did, which files were refused, and which rows were set apart."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from connectors.contract import read_contract
from connectors.errors import ConfigurationError
from connectors.failed_loads import failed_loads
from connectors.manifest import Manifest
from console.access import NotFound, Reader, Visitor, Worker, console_of
from console.rendering import page
from operations.runs import count_runs, decisions, run, runs

router = APIRouter()
SIZE, ROWS = 25, 50
Number = Annotated[int, Query(ge=1, le=1_000_000)]


@router.get("/runs")
def all_runs(request: Request, visitor: Reader, number: Number = 1, loads: Number = 1) -> Response:
    """The last runs and the last loads."""
    console = console_of(request)
    total, manifests = count_runs(console.store), console.landing.manifests()
    return page(
        request,
        "runs.html",
        runs=runs(console.store, offset=(number - 1) * SIZE, limit=SIZE),
        number=number,
        pages=max(1, -(-total // SIZE)),
        manifests=manifests[(loads - 1) * SIZE : loads * SIZE],
        loads=loads,
        load_pages=max(1, -(-len(manifests) // SIZE)),
        failed=failed_loads(console.home.warehouse.parent),
    )


@router.get("/runs/{run_id}")
def one_run(request: Request, visitor: Reader, run_id: str) -> Response:
    """One run: its stages, what its gates decided, and how each rule ended."""
    console = console_of(request)
    found = run(console.store, run_id)
    if found is None:
        raise NotFound("There is no such run.")
    results = console.store.results(run_id)
    return page(
        request,
        "run.html",
        run=found,
        decisions=decisions(console.store, run_id=run_id),
        failed=[result for result in results if result["outcome"] != "passed"],
        passed=sum(result["outcome"] == "passed" for result in results),
        manifests=[manifest for manifest in console.landing.manifests() if manifest.run_id == run_id],
    )


def _load(request: Request, load_id: str) -> Manifest:
    manifest = console_of(request).landing.manifest(load_id)
    if manifest is None:
        raise NotFound("There is no such load.")
    return manifest


def _may_see_rows(visitor: Visitor, extract: str) -> bool:
    """Whether rows of the extract are the visitor's to see: those of their own organisation."""
    try:
        return visitor.may_see(read_contract(extract).organisation)
    except ConfigurationError:
        return visitor.is_working and visitor.organisation is None


@router.get("/loads/{load_id}")
def one_load(request: Request, visitor: Reader, load_id: str) -> Response:
    """One load: its files, and the rows of each."""
    manifest = _load(request, load_id)
    return page(request, "load.html", load=manifest, may_see_rows=_may_see_rows(visitor, manifest.extract))


@router.get("/loads/{load_id}/quarantine/{position}")
def quarantine(request: Request, visitor: Worker, load_id: str, position: int, number: Number = 1) -> Response:
    """The rows of one file of a load that could not be read, with their text as delivered."""
    console, manifest = console_of(request), _load(request, load_id)
    if not 0 <= position < len(manifest.files) or not _may_see_rows(visitor, manifest.extract):
        raise NotFound("There is no such file in this load, or it is another organisation's.")
    entry = manifest.files[position]
    about = f"rows set apart of {manifest.load_id}, file {position + 1}"
    console.access_log.note(
        visitor.name, "viewed", address=visitor.address, about=about, reason="correcting rows set apart"
    )
    return page(
        request,
        "quarantine.html",
        load=manifest,
        entry=entry,
        position=position,
        rows=console.landing.quarantined(entry, offset=(number - 1) * ROWS, limit=ROWS),
        number=number,
        pages=max(1, -(-entry.rows_quarantined // ROWS)),
    )
