"""An embedder that keeps what it read on disk, so that a benchmark goes on where it stopped."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metier.protocols import TokenEmbedder
from metier.types import TokenVectors

_TEXTS = 128  # read between two writes: what a kill costs


class KeptVectors:
    """Stands before another embedder; tokens are kept as half floats, which no figure shows."""

    def __init__(self, embedder: TokenEmbedder, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._embedder = embedder
        self._kept = sqlite3.connect(path)
        self._kept.execute(
            "CREATE TABLE IF NOT EXISTS kept (text BLOB PRIMARY KEY, vector BLOB, tokens BLOB)"
        )

    @property
    def name(self) -> str:
        """The embedder's own."""
        return self._embedder.name

    def count_tokens(self, text: str) -> int:
        """As the embedder counts."""
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a text."""
        return self.embed_tokens(texts).vectors

    def embed_tokens(self, texts: Sequence[str]) -> TokenVectors:
        """Vectors of texts and of their tokens, from disk where they were read before."""
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if not self._has(key)}
        for start in range(0, len(new), _TEXTS):
            self._read(dict(list(new.items())[start : start + _TEXTS]))
        kept = [self._kept.execute(_GET, (key,)).fetchone() for key in keys]
        vectors = np.stack([np.frombuffer(vector, np.float32) for vector, _ in kept])
        width = vectors.shape[1]
        tokens = (np.frombuffer(one, np.float16).reshape(-1, width) for _, one in kept)
        return TokenVectors(vectors, tuple(one.astype(np.float32) for one in tokens))

    def _has(self, key: bytes) -> bool:
        query = "SELECT 1 FROM kept WHERE text = ?"
        return self._kept.execute(query, (key,)).fetchone() is not None

    def _read(self, texts: dict[bytes, str]) -> None:
        read = self._embedder.embed_tokens(list(texts.values()))
        rows = [
            (key, vector.tobytes(), tokens.astype(np.float16).tobytes())
            for key, vector, tokens in zip(texts, read.vectors, read.tokens, strict=True)
        ]
        with self._kept:
            self._kept.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)


_GET = "SELECT vector, tokens FROM kept WHERE text = ?"
