"""XML as it is read everywhere: nothing reaches outside the file, nothing blows it up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from lxml import etree


class Readable(Protocol):
    """A file open for reading bytes, or what stands in for one."""

    def read(self, size: int = -1, /) -> bytes:
        """At most ``size`` bytes more."""


def safe_events(handle: Readable, events: tuple[str, ...], tags: list[str] | None) -> Iterator[tuple[str, Any]]:
    """The parser, with DTDs, entities, the network and trees without bound turned off.

    Raises ``lxml.etree.XMLSyntaxError`` while it is read, where the file is not well-formed.
    """
    return iter(
        etree.iterparse(
            handle,
            events=events,
            tag=tags,
            remove_comments=True,
            remove_pis=True,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
        )
    )


def local_name(tag: Any) -> str:
    """A tag's name without its namespace; a comment has none."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
