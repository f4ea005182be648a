"""A corpus as passages: each chunk with its document's uri, tier, validity and heading."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from metier.protocols import Corpus
from metier.types import Chunk, CleanDocument, Json, Passage

_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*?)[ \t]*#*$", re.MULTILINE)


def passages(corpus: Corpus) -> Iterator[Passage]:
    """Every chunk of the corpus, document by document.

    A document's metadata may hold ``tier``, ``tenant``, ``entity``, ``valid_from`` and
    ``valid_to``.
    """
    documents = corpus.documents()
    document: CleanDocument | None = None
    for chunk in corpus.chunks():
        while document is None or document.id != chunk.source.document:
            document = next(documents)
        yield passage_of(document, chunk)


def passage_of(document: CleanDocument, chunk: Chunk) -> Passage:
    """One chunk with what its document says about itself."""
    told = document.metadata
    return Passage(
        chunk=chunk,
        section=_section(document.text, chunk.start),
        uri=document.uri,
        tier=_text(told.get("tier")) or "",
        tenant=_text(told.get("tenant")) or "",
        entity=_text(told.get("entity")) or "",
        valid_from=_text(told.get("valid_from")),
        valid_to=_text(told.get("valid_to")),
        metadata=told,
    )


def headings(text: str) -> list[tuple[int, str]]:
    """Where each Markdown heading of a text begins, and what it says."""
    return [(match.start(), match.group(1)) for match in _HEADING.finditer(text)]


@lru_cache(maxsize=1)  # the passages of a document come one after another
def _headings(text: str) -> list[tuple[int, str]]:
    return headings(text)


def _section(text: str, start: int) -> str:
    """The last Markdown heading before the passage, or that it begins with; "" without one."""
    known = _headings(text)
    place = bisect_right(known, start, key=lambda heading: heading[0])
    return known[place - 1][1] if place else ""


def _text(value: Json) -> str | None:
    return None if value is None or value == "" else str(value)
