"""A passage's tokens as one bit a dimension, and how well they meet those of a question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK = 1024
"""Tokens whose signs are spread out at once: 1.5 MB, which stays in the cache. All of them at
once took seven times as long, for the memory alone."""


def packed(tokens: NDArray[np.float32]) -> bytes:
    """Signs of the turned token vectors (shape (tokens, dimensions)): 48 bytes a token of 384.

    A random turn spreads what a vector says evenly over its dimensions, so that signs keep angles
    (RaBitQ, Gao and Long 2024). On squad_en the bits cost 0.3 points of recall@1 against floats.
    """
    import numpy as np

    return np.packbits(tokens @ _turn(tokens.shape[1]) > 0, axis=1).tobytes()


def late_interaction(
    question: NDArray[np.float32], passages: Sequence[bytes]
) -> NDArray[np.float64]:
    """For each passage: the mean over the question's tokens of the best likeness to one of its own.

    ColBERT's score (Khattab and Zaharia 2020) without its training: a plain sentence encoder's
    token vectors already rank better by it than by their mean. ``question`` has shape (tokens,
    dimensions), rows of length 1; a passage without tokens, and any for an empty question, has 0.
    """
    import numpy as np

    dimensions = question.shape[1]
    width = -(-dimensions // 8)
    lengths = np.array([len(passage) // width for passage in passages])
    scores = np.zeros(len(passages))
    filled = np.flatnonzero(lengths)
    if not len(question) or not len(filled):
        return scores
    stored = np.frombuffer(b"".join(passages), dtype=np.uint8).reshape(-1, width)
    turned = np.zeros((8 * width, len(question)), dtype=np.float32)
    turned[:dimensions] = (question @ _turn(dimensions)).T / np.sqrt(dimensions)
    likeness = np.empty((len(stored), len(question)), dtype=np.float32)
    signs = np.empty((_BLOCK, width, 8), dtype=np.float32)
    for start in range(0, len(stored), _BLOCK):
        block = stored[start : start + _BLOCK]
        np.take(_signs(), block, axis=0, out=signs[: len(block)], mode="clip")
        flat = signs[: len(block)].reshape(len(block), -1)
        np.matmul(flat, turned, out=likeness[start : start + _BLOCK])
    starts = np.concatenate([[0], np.cumsum(lengths[filled])])[:-1]
    scores[filled] = np.maximum.reduceat(likeness, starts, axis=0).mean(axis=1)
    return scores


@lru_cache(maxsize=1)
def _signs() -> NDArray[np.float32]:
    """The eight signs of each byte, shape (256, 8): 1 where a bit is set, else -1."""
    import numpy as np

    every = np.arange(256, dtype=np.uint8)[:, None]
    return np.unpackbits(every, axis=1).astype(np.float32) * 2 - 1


@lru_cache(maxsize=4)
def _turn(dimensions: int) -> NDArray[np.float32]:
    """A random rotation, always the same for the same number of dimensions."""
    import numpy as np

    generator = np.random.default_rng(0)
    turn: NDArray[np.float32] = np.linalg.qr(generator.normal(size=(dimensions, dimensions)))[
        0
    ].astype(np.float32)
    return turn
