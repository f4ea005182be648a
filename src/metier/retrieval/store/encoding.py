"""What the store reads from a passage under its title, and from a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.protocols import Embedder, TokenEmbedder
from metier.retrieval.store.tokens import packed
from metier.retrieval.store.words import terms
from metier.types import Passage, SearchSettings, TokenVectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the table keeps of passages beside themselves."""

    vectors: NDArray[np.float32]
    """Shape (passages, dimensions), rows of length 1."""
    tokens: tuple[bytes, ...]
    """See ``tokens.packed``; empty where the embedder gives none."""
    terms: tuple[str, ...]
    """Words as ``words.terms`` gives them, with blanks between."""


def encode_passages(
    passages: Sequence[Passage], embedder: Embedder, settings: SearchSettings
) -> Encoded:
    """Embed passages and split them into words, each under its title and section.

    A header is embedded by itself, once for all passages that share it, and joins their vectors
    with its own weight: a passage's length then cannot dilute it, and re-chunking is cheaper.
    """
    import numpy as np

    headers = [header_of(passage) if settings.headers else "" for passage in passages]
    texts = [passage.chunk.text for passage in passages]
    own = encode_texts(embedder, texts)
    distinct = sorted(set(headers) - {""})
    shared = encode_texts(embedder, distinct)
    place = {header: number for number, header in enumerate(distinct)}
    vectors = own.vectors.copy()
    tokens = [packed(one) for one in own.tokens]
    packed_headers = [packed(one) for one in shared.tokens]
    for row, header in enumerate(headers):
        if header:
            vectors[row] += settings.headers * shared.vectors[place[header]]
            tokens[row] += packed_headers[place[header]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = (
        " ".join(terms(f"{header}\n{text}", settings.language))
        for header, text in zip(headers, texts, strict=True)
    )
    return Encoded(vectors, tuple(tokens), tuple(words))


def encode_texts(embedder: Embedder, texts: Sequence[str]) -> TokenVectors:
    """Vectors of texts and, when the embedder gives them, of their tokens; else no token each."""
    import numpy as np

    if texts and isinstance(embedder, TokenEmbedder):
        return embedder.embed_tokens(texts)
    vectors = embedder.embed(texts) if texts else np.zeros((0, 0), dtype=np.float32)
    return TokenVectors(vectors, tuple(vectors[:0] for _ in texts))


def header_of(passage: Passage) -> str:
    """What is embedded beside a passage's own text; "" when it has neither title nor section."""
    return "\n".join(line for line in (passage.chunk.title, passage.section) if line)
