"""From a place in cleaned text back to the source text, its page and its box."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from metier.types import Box, Chunk, CleanDocument, Piece, Region, Span


def quoted_span(chunk: Chunk, start: int, end: int) -> Span:
    """The stretch of source text behind ``chunk.text[start:end]``, with its page and box."""
    source = chunk.source
    pieces = chunk.pieces or (
        Piece(0, len(chunk.text), source.start, source.start + len(chunk.text)),
    )
    text = CleanDocument(source.document, chunk.text, "", pieces, regions=chunk.regions)
    span = Origins(text).span(start, end)
    if span.page is None and source.page is not None:
        return Span(span.document, span.start, span.end, source.page, source.box)
    return span


def to_source(document: CleanDocument, start: int, end: int) -> Span:
    """The stretch of source text behind ``document.text[start:end]``, in characters.

    The span runs from the first character's origin to the last one's, so text that cleaning took
    out in between lies inside it. For many spans of one document keep an ``Origins``.
    """
    return Origins(document).span(start, end)


class Origins:
    """The way back for one document; each look-up takes logarithmic time."""

    def __init__(self, document: CleanDocument) -> None:
        self._document = document
        self._starts = [piece.start for piece in document.pieces]
        self._regions = document.regions
        self._region_starts = [region.start for region in document.regions]
        self._region_ends = [region.end for region in document.regions]

    def span(self, start: int, end: int) -> Span:
        """The source of ``text[start:end]``; page and box are those of its first line's page."""
        if not 0 <= start <= end <= len(self._document.text):
            raise IndexError(f"[{start}:{end}] is outside of {len(self._document.text)} characters")
        source_start = self._offset(start, at_end=False)
        source_end = self._offset(end, at_end=True) if end > start else source_start
        regions = self._overlapping(source_start, source_end)
        if not regions:
            return Span(self._document.id, source_start, source_end)
        page = regions[0].page
        box = _union([region.box for region in regions if region.page == page])
        return Span(self._document.id, source_start, source_end, page, box)

    def regions(self, start: int, end: int) -> tuple[Region, ...]:
        """The lines that ``text[start:end]`` comes from."""
        span = self.span(start, end)
        return tuple(self._overlapping(span.start, span.end))

    def pieces(self, start: int, end: int) -> tuple[Piece, ...]:
        """The pieces of ``text[start:end]``, counted from ``start``; none when it is the source's.

        A replacement that is cut stands for all of what it replaced.
        """
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        within = [_clipped(piece, start, end) for piece in self._document.pieces[first:last]]
        return () if len(within) == 1 and within[0].verbatim else tuple(within)

    def _offset(self, offset: int, *, at_end: bool) -> int:
        pieces = self._document.pieces
        if not pieces:
            return 0
        piece = pieces[max(0, bisect_right(self._starts, offset - at_end) - 1)]
        if piece.verbatim:
            return piece.source_start + offset - piece.start
        return piece.source_end if at_end else piece.source_start

    def _overlapping(self, start: int, end: int) -> Sequence[Region]:
        first = bisect_right(self._region_ends, start)
        last = bisect_left(self._region_starts, end)
        return self._regions[first:last]


def _clipped(piece: Piece, start: int, end: int) -> Piece:
    first, last = max(piece.start, start), min(piece.end, end)
    if not piece.verbatim:
        return Piece(first - start, last - start, piece.source_start, piece.source_end, False)
    moved = piece.source_start - piece.start
    return Piece(first - start, last - start, first + moved, last + moved)


def _union(boxes: Sequence[Box]) -> Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)
