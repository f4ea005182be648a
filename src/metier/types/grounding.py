"""What an answer rests on: passages that were found, and which of its segments they support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.types.corpus import Chunk, Span
from metier.types.plain import Json


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the store a search may see."""

    as_of: str | None = None
    """ISO 8601 date: only what was valid then; None for what is valid now."""
    tiers: tuple[str, ...] = ()
    """Only these tiers; empty for all, the most authoritative first."""
    tenant: str = ""
    """Whose documents besides those that are nobody's; "" for the latter alone."""
    entities: tuple[str, ...] = ()
    """Only what is about one of these, by the key in its metadata; empty for everything."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found."""

    chunk: Chunk
    score: float
    """Comparable within one search only; larger is better."""
    uri: str = ""
    tier: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    """ISO 8601 dates between which the text holds; None for no bound."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Place in each part's own list, from 1: ``vector``, ``text``, ..."""
    section: str = ""
    """The heading that the chunk stands under."""
    tenant: str = ""
    """Whose it is; "" for everybody's."""
    versions: tuple[Hit, ...] = ()
    """Where the chunk's text tells how an entity changed: the versions that it tells of, the oldest
    first. These are cited in its place. Its text ends with that of the newest."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: passages of two tenants may have one id."""
        return self.tenant, self.chunk.id


@dataclass(frozen=True, slots=True)
class GroundingChunk:
    """A passage that stood before the model, or that an answer cites."""

    id: str
    text: str
    span: Span
    title: str = ""
    uri: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """A segment of an answer, and the passages that support it."""

    start: int
    """Offset in the answer's text; ``answer.text[start:end]`` is the segment."""
    end: int
    chunks: tuple[int, ...]
    """Places in ``Grounding.chunks``; empty when nothing supports the segment."""
    confidence: float
    """Calibrated probability that the cited chunks say what the segment says."""
    quotes: tuple[Span, ...] = ()
    """Where in the sources it is said, one for each of ``chunks``."""
    words: tuple[str, ...] = ()
    """What stands there, as it was read after cleaning; one for each of ``quotes``."""
    verdict: Literal["supported", "unsupported", "unchecked"] = "unchecked"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a checker's log odds are multiplied by and moved by before they are shown."""

    slope: float
    shift: float


@dataclass(frozen=True, slots=True)
class GroundSettings:
    """How strictly an answer is checked against the passages that were found."""

    policy: Literal["drop", "flag", "keep"] = "flag"
    """What becomes of a sentence that nothing supports: it goes, it is marked as unsupported, or
    it stays without a word."""
    threshold: float = 0.15
    """Least confidence with which a passage is cited. The checker's confidence is that of a claim
    of which one cannot say beforehand whether it is true. On SQuAD's development titles and
    PubMedQA's training part 0.15 cites 97.8 and 97.0 % rightly and leaves 11 and 12 % of the true
    answers uncited; 0.2 leaves 12 and 16 %. Of corrupted answers it lets a few more through."""
    citations: int = 1
    """Passages that are cited for one sentence at most."""
    calibration: Calibration | None = None
    """Of the confidence that is shown, see ``retrieval.grounding.calibrate``; ``threshold`` is
    compared with the checker's own."""


@dataclass(frozen=True, slots=True)
class Grounding:
    """What was asked of the store, what it gave, and what of the answer rests on it.

    The same three parts as Gemini's grounding metadata: ``webSearchQueries``, ``groundingChunks``,
    ``groundingSupports``.
    """

    queries: tuple[str, ...] = ()
    chunks: tuple[GroundingChunk, ...] = ()
    supports: tuple[Support, ...] = ()
    need: float | None = None
    """Probability that the question needs the documents; None where that was not asked."""

    @property
    def looked_up(self) -> bool:
        """Whether passages were searched for; not so where too little spoke for a need."""
        return self.need is None or bool(self.queries)

    @property
    def cited(self) -> tuple[GroundingChunk, ...]:
        """The passages that support something, in the order in which they were shown."""
        places = {place for support in self.supports for place in support.chunks}
        return tuple(chunk for place, chunk in enumerate(self.chunks) if place in places)
