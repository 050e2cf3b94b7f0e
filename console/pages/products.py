"""Products: what is published, of which day, what holds the others and since when."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from checks.gates import INSPECTION_GATES, Gate, read_gates
from console.access import NotFound, Reader, console_of
from console.context import Console
from console.rendering import page
from operations.runs import Standing, decisions, standing
from warehouse.publication import Publication, standing_publication

router = APIRouter()


@dataclass(frozen=True)
class Product:
    """One product: its gate, what of it is published, and what the last runs decided."""

    gate: Gate
    published: Publication | None
    standing: Standing

    @property
    def state(self) -> str:
        """Held, published or not published."""
        if self.standing.last is not None and self.standing.last.outcome == "held":
            return "held"
        return "published" if self.published else "not published"


def _gates() -> tuple[Gate, ...]:
    return (*read_gates(), *read_gates(INSPECTION_GATES))


def _product(console: Console, gate: Gate) -> Product:
    return Product(gate, standing_publication(console.home, gate.product), standing(console.store, gate.product))


@router.get("/products")
def products(request: Request, visitor: Reader) -> Response:
    """Each product as it stands."""
    console = console_of(request)
    return page(request, "products.html", products=[_product(console, gate) for gate in _gates()])


@router.get("/products/{name}")
def product(request: Request, visitor: Reader, name: str) -> Response:
    """One product, and what the runs decided on it."""
    console = console_of(request)
    gate = next((gate for gate in _gates() if gate.product == name), None)
    if gate is None:
        raise NotFound("There is no such product.")
    return page(
        request, "product.html", product=_product(console, gate), decisions=decisions(console.store, product=name)
    )
