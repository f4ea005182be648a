"""Small passages are found; what the reader is given is the section around each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Protocol

from metier.origin import Origins
from metier.protocols import Retriever
from metier.retrieval.store.passages import headings
from metier.retrieval.store.starts import starts_of
from metier.types import Chunk, CleanDocument, Hit, Owned, Piece, Scope


class Documents(Protocol):
    """A store that can also be asked for all of a document, such as ``Index``."""

    def passages_of(self, documents: Collection[str], *, tenant: str = "") -> list[Hit]:
        """All passages of these documents, the tenant's and everybody's, in their order in each."""
        ...


class ParentRetriever:
    """Widens each hit to its section, at most ``characters`` long, with its way to the source.

    A hit that lies in a better one's section is left out, and the next takes its place. The found
    passage keeps its id and its score. ``characters`` should fit what the reader is shown: a
    section is widened evenly to both sides, but cut at its end.
    """

    def __init__(self, store: Retriever, documents: Documents, *, characters: int) -> None:
        self._store = store
        self._documents = documents
        self._characters = characters

    def starts(self, scope: Scope) -> set[str]:
        """As the store says."""
        return starts_of(self._store, scope)

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` sections for each question, the best first."""
        found = self._store.search(questions, 2 * k, scope=scope)
        known: dict[Owned, list[Hit]] = {}
        wanted = {hit.chunk.source.document for hits in found for hit in hits}
        tenant = scope.tenant if scope else ""
        for passage in self._documents.passages_of(wanted, tenant=tenant):
            known.setdefault(_owned(passage), []).append(passage)
        sections = {owned: _sections(all_of_it) for owned, all_of_it in known.items()}
        return [self._widened(hits, sections)[:k] for hits in found]

    def _widened(
        self, hits: Sequence[Hit], sections: Mapping[Owned, list[list[Chunk]]]
    ) -> list[Hit]:
        wide: list[Hit] = []
        for hit in hits:
            if any(_holds(one, hit) for one in wide):
                continue
            own = sections.get(_owned(hit), ())
            around = next((one for one in own if _has(one, hit.chunk)), [hit.chunk])
            wide.append(replace(hit, chunk=widened(hit.chunk, around, self._characters)))
        return wide


def _sections(passages: Sequence[Hit]) -> list[list[Chunk]]:
    """A document's passages, put together by the heading that they stand under, in their order.

    Not by its name alone, which others may have (``Parameters`` of one function and of the next):
    by where it stands, which the passages' texts tell together.
    """
    begins = sorted(
        {one.chunk.start + start for one in passages for start, _ in headings(one.chunk.text)}
    )

    def under(one: Hit) -> tuple[str, int]:
        return one.section, bisect_right(begins, one.chunk.start)

    return [[one.chunk for one in run] for _, run in groupby(passages, key=under)]


def widened(chunk: Chunk, around: Sequence[Chunk], characters: int) -> Chunk:
    """The chunk with its neighbours among ``around``, as one chunk of at most ``characters``.

    ``around`` are chunks of the same document in its order. Between two chunks lies white space
    alone, which is put back in the same length, so ``end - start`` stays the text's length.
    """
    places = [place for place, one in enumerate(around) if one.id == chunk.id]
    if not places:
        return chunk
    first = last = places[0]
    while True:
        grown = [
            bounds
            for bounds in ((first, last + 1), (first - 1, last))
            if bounds[0] >= 0
            and bounds[1] < len(around)
            and around[bounds[1]].end - around[bounds[0]].start <= characters
        ]
        if not grown:
            return joined(around[first : last + 1], chunk)
        # Evenly: the side that has less around the chunk so far.
        first, last = min(
            grown,
            key=lambda it: abs(around[it[1]].end - chunk.end - chunk.start + around[it[0]].start),
        )


def joined(parts: Sequence[Chunk], found: Chunk) -> Chunk:
    """Chunks that follow each other, and may overlap, as one under the id of ``found``."""
    if len(parts) == 1:
        return parts[0]
    start, text = parts[0].start, ""
    pieces: list[Piece] = []
    for part in parts:
        if start + len(text) < part.start:
            gap = " " * (part.start - start - len(text) - 1) + "\n"
            origin = pieces[-1].source_end
            pieces.append(Piece(len(text), len(text) + len(gap), origin, origin, False))
            text += gap
        known = start + len(text) - part.start
        if known >= len(part.text):  # a short one inside the overlap
            continue
        pieces += _moved(part, known, part.start - start)
        text += part.text[known:]
    regions = sorted({one for part in parts for one in part.regions}, key=lambda one: one.start)
    document = CleanDocument(found.source.document, text, "", tuple(pieces), regions=tuple(regions))
    origins = Origins(document)
    whole = replace(found, text=text, start=start, end=start + len(text))
    span = origins.span(0, len(text))
    if span.page is None:
        span = replace(span, page=parts[0].source.page, box=None)
    return replace(whole, source=span, pieces=tuple(pieces), regions=tuple(regions))


def _moved(part: Chunk, known: int, by: int) -> list[Piece]:
    """The pieces of ``part.text[known:]``, counted from where the joined text begins."""
    source = part.source.start
    pieces = part.pieces or (Piece(0, len(part.text), source, source + len(part.text)),)
    document = CleanDocument("", part.text, "", pieces)
    rest = Origins(document).pieces(known, len(part.text))
    if not rest:  # all of it verbatim
        place = Origins(document).span(known, len(part.text))
        rest = (Piece(0, len(part.text) - known, place.start, place.end),)
    return [
        replace(piece, start=piece.start + known + by, end=piece.end + known + by) for piece in rest
    ]


def _has(section: Sequence[Chunk], chunk: Chunk) -> bool:
    return any(one.id == chunk.id for one in section)


def _holds(wide: Hit, hit: Hit) -> bool:
    within = wide.chunk.start <= hit.chunk.start and hit.chunk.end <= wide.chunk.end
    return _owned(wide) == _owned(hit) and within


def _owned(hit: Hit) -> Owned:
    return hit.tenant, hit.chunk.source.document
