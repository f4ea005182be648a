"""A corpus as passages: each chunk with its document's uri, tier, validity and heading."""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def _section(text: str, start: int) -> str:
    """The last Markdown heading before the passage; "" when there is none."""
    last = ""
    for match in _HEADING.finditer(text, 0, start):
        last = match.group(1)
    return last


def _text(value: Json) -> str | None:
    return None if value is None or value == "" else str(value)
