"""From a place in cleaned text back to the source text, its page and its box."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from metier.types import Box, CleanDocument, Region, Span


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


def _union(boxes: Sequence[Box]) -> Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)
