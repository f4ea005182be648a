"""What the store of passages takes in, and how it searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metier.types.corpus import Chunk
from metier.types.plain import Json


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with everything that a search may filter by or show."""

    chunk: Chunk
    section: str = ""
    """The heading that it stands under; embedded and searched with the text, never shown as it."""
    uri: str = ""
    tier: str = ""
    tenant: str = ""
    entity: str = ""
    """The key of the one entity that the text is about; "" when it is about none or many."""
    valid_from: str | None = None
    """ISO 8601 date from which the text holds, inclusive; None for always."""
    valid_to: str | None = None
    """ISO 8601 date from which it holds no more, exclusive; None for still."""
    metadata: Mapping[str, Json] = field(default_factory=dict)

    @property
    def document(self) -> str:
        """The id of the document that it is part of."""
        return self.chunk.source.document


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How a store reads texts and joins its two searches; kept with the store."""

    language: str = ""
    """ISO 639-1 code of the stemmer; "" to recognise it from the first passages."""
    headers: bool = True
    """Read title and section before each passage."""
    vector_weight: float = 0.5
    """Share of the vectors in the joined score; the rest is full text's."""
    candidates: int = 50
    """How many of each search's best are joined."""
