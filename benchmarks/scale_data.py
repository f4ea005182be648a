"""A million vectors and lines of words that lie as real ones do, with the exact answers.

Embeddings of text are no even cloud, and no round clusters either: passages of one page are near
each other, pages of one topic nearer than others, and most of the spread lies in few directions. So
a vector is the sum of a common direction, its topic, its page and its own part, each normal with a
standard deviation that falls as the 0.4th power of the direction's number, turned at random and cut
to length 1. Topics and pages have a long tail of sizes. The shares were set on 9,592 real vectors
(all-MiniLM-L6-v2 of MedQuAD's, SQuAD's and the Court's passages); of 10,000 generated ones, beside
the real:

    cosine with the nearest, 10th, 100th     0.78 0.66 0.51     0.80 0.60 0.47
    any two, median                          0.17               0.16
    local dimension over 10, 100 neighbours  12 11              11 19
    share of the 1st, 10th, 100th direction  6.2 1.8 0.20 %     7.4 1.6 0.25 %

A question is a stored vector, blurred to a cosine of 0.65 with it: what SQuAD's questions have
with their paragraphs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSIONS, K = 384, 10
VOCABULARY = 50_000
_TOPIC, _PAGE, _OWN, _COMMON, _BLUR = 0.6, 0.45, 0.5, 0.42, 1.17
_CHUNKS_A_PAGE, _CHUNKS_A_TOPIC = 5, 100
_PART = 50_000
Vectors = NDArray[np.float32]


def generate(work: Path, chunks: int, questions: int) -> None:
    """``vectors.npy``, ``asked.npy`` and ``truth.npy`` (places of the 10 nearest) in ``work``."""
    stored, truth = work / "vectors.npy", work / "truth.npy"
    if truth.exists() and (_length(stored), _length(truth)) == (chunks, questions):
        return
    generator = np.random.default_rng(0)
    vectors = np.lib.format.open_memmap(stored, "w+", np.float32, (chunks, DIMENSIONS))
    place = 0
    for part in _parts(generator, chunks):
        vectors[place : place + len(part)] = part
        place += len(part)
    like = np.array(vectors[np.sort(generator.choice(chunks, questions, replace=False))])
    blur: Vectors = _BLUR * _normal(generator, questions)
    asked = _unit(like + blur @ _turn())
    np.save(work / "asked.npy", asked)
    np.save(work / "truth.npy", _nearest(vectors, asked))


def lines(seed: int, count: int) -> list[str]:
    """Lines of 40 words whose frequencies fall as in real text."""
    drawn = np.minimum(np.random.default_rng(seed).zipf(1.3, size=(count, 40)), VOCABULARY)
    return [" ".join(f"w{number}" for number in row) for row in drawn]


def questions_in_words(count: int) -> list[str]:
    """Questions of eight words, drawn as those of the lines are."""
    return [" ".join(line.split()[:8]) for line in lines(-1 % 2**32, count)]


def tokens(seed: int, count: int) -> list[bytes]:
    """Bits of 40 token vectors for each line: what a search reads and compares, and no meaning."""
    size = 40 * DIMENSIONS // 8
    drawn = np.random.default_rng(seed).bytes(count * size)
    return [drawn[start : start + size] for start in range(0, len(drawn), size)]


def _length(path: Path) -> int:
    return len(np.load(path, mmap_mode="r"))


def _parts(generator: np.random.Generator, chunks: int) -> Iterator[Vectors]:
    topics, pages = max(1, chunks // _CHUNKS_A_TOPIC), max(1, chunks // _CHUNKS_A_PAGE)
    centres = _TOPIC * _normal(generator, topics)
    topic_of = generator.choice(topics, pages, p=_tail(topics))
    shift = _PAGE * _normal(generator, pages)
    turn, common = _turn(), np.zeros(DIMENSIONS, np.float32)
    common[0] = _COMMON
    for start in range(0, chunks, _PART):
        count = min(_PART, chunks - start)
        page = generator.choice(pages, count, p=_tail(pages))
        own = _OWN * _normal(generator, count)
        yield _unit((common + centres[topic_of[page]] + shift[page] + own) @ turn)


def _normal(generator: np.random.Generator, count: int) -> Vectors:
    """Shape (count, dimensions); the variances of the directions sum to 1."""
    spread = np.arange(1, DIMENSIONS + 1) ** -0.4
    spread = (spread / np.linalg.norm(spread)).astype(np.float32)
    return generator.standard_normal((count, DIMENSIONS), dtype=np.float32) * spread


def _tail(count: int) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1 / np.arange(1, count + 1) ** 0.5
    tail: NDArray[np.float64] = shares / shares.sum()
    return tail


def _turn() -> Vectors:
    square = np.random.default_rng(1).normal(size=(DIMENSIONS, DIMENSIONS))
    return np.linalg.qr(square)[0].astype(np.float32)


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _nearest(vectors: Vectors, asked: Vectors) -> NDArray[np.int64]:
    """Shape (questions, K): exact, best first."""
    scores, places = [], []
    for start in range(0, len(vectors), _PART):
        near = asked @ np.array(vectors[start : start + _PART]).T
        top = np.argpartition(-near, K, axis=1)[:, :K]
        scores.append(np.take_along_axis(near, top, 1))
        places.append(top + start)
    order = np.argsort(-np.concatenate(scores, axis=1), axis=1)[:, :K]
    return np.take_along_axis(np.concatenate(places, axis=1), order, 1)
