"""Edits of a text, composed so that every remaining character still knows its source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from metier.types import Document, Piece


class Edit(NamedTuple):
    """Put ``replacement`` where ``text[start:end]`` stands; an empty one deletes."""

    start: int
    end: int
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document on its way through the steps."""

    text: str
    document: Document
    """As the source gave it; ``pieces`` lead back to its text."""
    pieces: tuple[Piece, ...]


class Step(Protocol):
    """One cleaning step: a frozen dataclass whose fields are its options."""

    name: ClassVar[str]

    def edits(self, draft: Draft) -> list[Edit]:
        """What to change in ``draft.text``; edits may touch but not overlap."""
        ...


def first_draft(document: Document) -> Draft:
    """The document before any edit: one verbatim piece."""
    length = len(document.text)
    pieces = (Piece(0, length, 0, length),) if length else ()
    return Draft(text=document.text, document=document, pieces=pieces)


def in_order(text: str, edits: Iterable[Edit]) -> list[Edit]:
    """The edits by position, without those that change nothing; overlapping ones become one."""
    ordered: list[Edit] = []
    for edit in sorted(edits):
        if text[edit.start : edit.end] == edit.replacement:
            continue
        if ordered and edit.start < ordered[-1].end:
            last = ordered[-1]
            ordered[-1] = last._replace(end=max(last.end, edit.end))
        else:
            ordered.append(edit)
    return ordered


def apply_edits(draft: Draft, edits: Sequence[Edit]) -> Draft:
    """The draft after edits that ``in_order`` has put in order."""
    if not edits:
        return draft
    composition = _Composition(draft)
    position = 0
    for edit in edits:
        composition.keep(position, edit.start)
        composition.replace(edit)
        position = edit.end
    composition.keep(position, len(draft.text))
    return composition.result()


class _Composition:
    """Walks once through a draft's pieces while the edits, in order, build the next draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.parts: list[str] = []
        self.pieces: list[Piece] = []
        self.length = 0
        self.index = 0
        # Two leftovers of one replacement must not both claim its source: the first one does.
        self.claimed = 0

    def keep(self, start: int, end: int) -> None:
        if start == end:
            return
        self.parts.append(self.draft.text[start:end])
        pieces = self.draft.pieces
        self._advance(start)
        while self.index < len(pieces) and pieces[self.index].start < end:
            piece = pieces[self.index]
            low, high = max(start, piece.start), min(end, piece.end)
            source_start, source_end = piece.source_start, piece.source_end
            if piece.verbatim:
                source_end = source_start + high - piece.start
                source_start += low - piece.start
            self._add(high - low, source_start, source_end, verbatim=piece.verbatim)
            if piece.end > end:
                break
            self.index += 1

    def replace(self, edit: Edit) -> None:
        if not edit.replacement:
            return
        self.parts.append(edit.replacement)
        source_start = self._source(edit.start, at_end=False)
        source_end = self._source(edit.end, at_end=True) if edit.end > edit.start else source_start
        self._add(len(edit.replacement), source_start, source_end, verbatim=False)

    def result(self) -> Draft:
        return Draft("".join(self.parts), self.draft.document, tuple(self.pieces))

    def _add(self, length: int, source_start: int, source_end: int, *, verbatim: bool) -> None:
        source_start = max(source_start, self.claimed)
        source_end = max(source_end, source_start)
        self.claimed = source_end
        start, self.length = self.length, self.length + length
        self.pieces.append(Piece(start, self.length, source_start, source_end, verbatim))

    def _advance(self, offset: int) -> None:
        pieces = self.draft.pieces
        while self.index < len(pieces) and pieces[self.index].end <= offset:
            self.index += 1

    def _source(self, offset: int, *, at_end: bool) -> int:
        """The source offset of a place in the draft; ``at_end`` looks at the character before."""
        self._advance(offset - at_end)
        pieces = self.draft.pieces
        if self.index == len(pieces):
            return pieces[-1].source_end if pieces else 0
        piece = pieces[self.index]
        if piece.verbatim:
            return piece.source_start + offset - piece.start
        return piece.source_end if at_end else piece.source_start
