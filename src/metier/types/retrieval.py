"""What the store of passages takes in, and how it searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metier.types.corpus import Chunk
from metier.types.plain import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Owned = tuple[str, str]
"""A document by its tenant and its id."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with everything that a search may filter by or show."""

    chunk: Chunk
    section: str = ""
    """The heading that it stands under; embedded and searched with the text, never shown as it."""
    uri: str = ""
    tier: str = ""
    tenant: str = ""
    """Whose it is, and nobody else sees it; "" for everybody's."""
    valid_from: str | None = None
    """ISO 8601 date from which the text holds, inclusive; None for always."""
    valid_to: str | None = None
    """ISO 8601 date from which it holds no more, exclusive; None for still."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    entity: str = ""
    """The key of the one entity that the text is about; "" when it is about none or many."""

    @property
    def document(self) -> str:
        """The id of the document that it is part of."""
        return self.chunk.source.document

    @property
    def owned(self) -> Owned:
        """The document and whose it is: two tenants may have documents of one id."""
        return self.tenant, self.document


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How a store reads texts and joins its two searches; kept with the store."""

    language: str = ""
    """ISO 639-1 code of the stemmer; "" to recognise it from the first passages."""
    headers: float = 0.5
    """Weight of title and section beside the passage's own text; 0 leaves them out."""
    vector: float = 0.2
    """Weight of the likeness of whole texts in the joined score. Chosen with the next by 3,000 dev
    questions of MedQuAD, with titles and without: the joined search is nowhere behind tokens alone
    by more than 0.24 points at rank 1 (with 0.5 and 0.1 by 1.6)."""
    text: float = 0.05
    """Weight of full-text search, where the passages do not ask for more (``learn_weights``)."""
    tokens: float = 1.0
    """Weight of the likeness word by word; it needs an embedder that gives tokens."""
    candidates: int = 50
    """How many of each search's best are joined."""


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Texts as one vector each and as one vector for each of their tokens."""

    vectors: NDArray[np.float32]
    """Shape (texts, dimensions), rows of length 1."""
    tokens: tuple[NDArray[np.float32], ...]
    """For each text: shape (its tokens, dimensions), rows of length 1."""
