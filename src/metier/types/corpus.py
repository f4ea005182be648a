"""Documents, from the source to the corpus, with the way back to where they are printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metier.types.plain import Json

Box = tuple[float, float, float, float]
"""Left, bottom, right, top of a rectangle on a PDF page, in points from the lower left corner."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a document's text and the place on a page where it is printed."""

    start: int
    end: int
    page: int
    """Counted from 1, as a PDF viewer does."""
    box: Box


@dataclass(frozen=True, slots=True)
class Document:
    """One document as its source gave it, before any cleaning."""

    id: str
    text: str
    title: str = ""
    uri: str = ""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """The source's other columns or properties: label, author, date, ..."""
    regions: tuple[Region, ...] = ()
    """For paged sources: where each line of ``text`` is printed, in order of ``start``."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row or file that could not be read, and why; reported, never dropped in silence."""

    uri: str
    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of cleaned text and the stretch of source text that it came from.

    ``verbatim`` pieces are equal character by character; the others are replacements (``[email]``).
    """

    start: int
    end: int
    source_start: int
    source_end: int
    verbatim: bool = True


@dataclass(frozen=True, slots=True)
class CleanDocument:
    """A document after cleaning, with the way back to the source text."""

    id: str
    text: str
    source_text: str
    pieces: tuple[Piece, ...]
    """Ordered by ``start``, covering ``text`` without gaps."""
    title: str = ""
    uri: str = ""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    """Regions of ``source_text``."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """Text that each cleaning step took out, by the step's name; read by the leak probe."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source document; ``start`` and ``end`` count characters of the source text."""

    document: str
    start: int
    end: int
    page: int | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a cleaned document, small enough to retrieve or to put into a prompt."""

    id: str
    text: str
    start: int
    """Offset in the cleaned text; ``cleaned[start:end] == text``."""
    end: int
    source: Span
    title: str = ""
    pieces: tuple[Piece, ...] = ()
    """Where ``text`` comes from, counted from its own start; empty when the source has it as it
    is, character by character."""
    regions: tuple[Region, ...] = ()
    """Where each of its lines is printed; counted in the source text."""


@dataclass(frozen=True, slots=True)
class StepCount:
    """What one cleaning step did to a corpus."""

    step: str
    documents: int
    """Documents that it changed."""
    characters: int
    """Characters that it took out."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """How a corpus came about: what came in, what was dropped and why, what stands."""

    version: str
    documents_in: int
    documents: int
    malformed: tuple[Malformed, ...]
    """The first hundred; ``malformed_count`` counts all."""
    malformed_count: int
    steps: tuple[StepCount, ...]
    dropped: Mapping[str, int]
    """By reason: ``exact duplicate``, ``near duplicate``, ``empty after cleaning``."""
    chunks: int = 0
    seconds: float = 0.0
