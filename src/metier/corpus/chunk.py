"""Passages of a cleaned document, cut where a reader would cut, each with the way to its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from metier.errors import DataError
from metier.origin import Origins
from metier.types import Chunk, CleanDocument

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"[.!?。！？][\"'”’)\]]{0,3}\s+(?=[^\sa-z])|[。！？]")
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Chunking:
    """How documents are cut into chunks, in characters.

    1,200 characters are about 300 English tokens: room for several passages in a small model's
    prompt, and within what sentence encoders were trained on. An overlap of an eighth keeps a
    sentence whole that stands at a cut.
    """

    size: int = 1200
    overlap: int = 150

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap <= self.size // 2:
            raise DataError(
                f"chunks of {self.size} characters with an overlap of {self.overlap} are not "
                "possible: size must be positive and overlap at most half of it"
            )


def chunk(document: CleanDocument, *, size: int = 1200, overlap: int = 150) -> list[Chunk]:
    """The document's chunks in order; together they hold every character but white space.

    A chunk has at most ``size`` characters and ends with a paragraph, else a sentence, else a
    word, as long as that leaves it at least half full.
    """
    bounds = list(chunk_bounds(document.text, Chunking(size, overlap)))
    return chunks_at(document, bounds)


def chunks_at(document: CleanDocument, bounds: list[tuple[int, int]]) -> list[Chunk]:
    """The chunks with these offsets in the cleaned text."""
    origins = Origins(document)
    return [
        Chunk(
            id=f"{document.id}#{number}",
            text=document.text[start:end],
            start=start,
            end=end,
            source=origins.span(start, end),
            title=document.title,
            pieces=origins.pieces(start, end),
            regions=origins.regions(start, end),
        )
        for number, (start, end) in enumerate(bounds)
    ]


def chunk_bounds(text: str, chunking: Chunking) -> Iterator[tuple[int, int]]:
    """Where chunks start and end; linear in the text's length."""
    start = _after_blanks(text, 0)
    while start < len(text):
        end = _end(text, start, chunking.size)
        trimmed = start + len(text[start:end].rstrip())
        yield start, trimmed
        if _after_blanks(text, end) == len(text):
            return
        # Always beyond the last start: the overlap is at most half of a chunk's size, and a
        # chunk that was cut early by a paragraph's end may be shorter than the overlap.
        next_start = _overlap_start(text, end, chunking.overlap) if chunking.overlap else end
        start = _after_blanks(text, next_start if next_start > start else end)


def _after_blanks(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    return match.end() if match else start


def _end(text: str, start: int, size: int) -> int:
    limit = start + size
    if limit >= len(text):
        return len(text)
    least = start + max(1, size // 2)
    # One character more: a break that begins right at the limit still fits.
    for pattern in (_PARAGRAPH, _SENTENCE, _BLANK):
        ends = [_cut(match) for match in pattern.finditer(text, least, limit + 1)]
        ends = [end for end in ends if least <= end <= limit]
        if ends:
            return ends[-1]
    return limit


def _cut(match: re.Match[str]) -> int:
    """Where the text before a break ends: after its last printed character."""
    return match.start() + len(match.group().rstrip())


def _overlap_start(text: str, end: int, overlap: int) -> int:
    """The first sentence, else the first word, that begins within ``overlap`` before ``end``."""
    low = max(0, end - overlap)
    for pattern in (_PARAGRAPH, _SENTENCE, _BLANK):
        match = pattern.search(text, low, end)
        if match and match.end() < end:
            return match.end()
    return low
