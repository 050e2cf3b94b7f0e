"""XML as it is read everywhere: nothing reaches outside the file, nothing blows it up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

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


class _Nothing:
    """Takes nothing of what the parser finds, so that no tree is built."""

    def close(self) -> None:
        """Gives nothing at the end."""


@contextmanager
def judge() -> Iterator[etree.XMLParser]:
    """A parser to feed a file to, as strict as that of ``safe_events``, that keeps nothing.

    Raises ``lxml.etree.XMLSyntaxError``, while it is fed or at the end, where the file is not well-formed.
    """
    taking_nothing = cast("etree.ParserTarget", _Nothing())  # none of a target's other methods need be there
    parser = etree.XMLParser(
        target=taking_nothing, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    yield parser
    parser.close()


def local_name(tag: Any) -> str:
    """A tag's name without its namespace; a comment has none."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
