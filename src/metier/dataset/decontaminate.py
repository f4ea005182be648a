"""Test items that something learnt from repeats."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from metier.protocols import Embedder
from metier.types import Example, Overlap, OverlapHit

NGRAM = 13
"""Words in a row that count as a repetition; GPT-3's report (Brown et al. 2020, appendix C) chose
13, and later reports kept to it: shorter runs are often set phrases."""
COSINE = 0.95
"""Above it two texts say the same. From 0.9 on pairs deserve a look; between the two all-MiniLM
also puts different texts about the same narrow subject, which are no leak."""

_LEAST_RUN = 5  # words; a shorter item repeats another text only when that is all of it
_WORD = re.compile(r"\w+")
_BLOCK = 1024


class Text(NamedTuple):
    """Something that a rung learns from, by its id."""

    id: str
    text: str


def overlap(
    test: Sequence[Example],
    others: Sequence[tuple[str, str]],
    *,
    against: str,
    embedder: Embedder | None = None,
) -> list[Overlap]:
    """Test items whose input stands in ``others`` (id, text) too, by 13-grams and by embedding.

    An n-gram hit shares at least one run of 13 words, or, when it is shorter, all of its words in
    a row; its ``similarity`` is the share of the item's n-grams found in that one other text. The
    embedding is looked at when an embedder is given. Each item is reported with its nearest other.
    """
    texts = [Text(*other) for other in others]
    found = [Overlap(against, f"{NGRAM}-grams", 0.0, len(test), tuple(_by_ngrams(test, texts)))]
    if embedder is not None and test and texts:
        hits = tuple(_by_embedding(test, texts, embedder))
        found.append(Overlap(against, "embedding", COSINE, len(test), hits))
    return found


def drop_overlapping(train: Sequence[Example], overlaps: Sequence[Overlap]) -> list[Example]:
    """The training rows that no test item was found to resemble."""
    found = {hit.other for overlap in overlaps for hit in overlap.hits}
    return [example for example in train if example.id not in found]


def _by_ngrams(test: Sequence[Example], others: Sequence[Text]) -> Iterator[OverlapHit]:
    """The nearest other of each test item; memory grows with the test items, not the others."""
    index: dict[tuple[str, ...], set[int]] = defaultdict(set)
    whole: dict[tuple[str, ...], set[int]] = defaultdict(set)
    sizes: list[int] = []
    for number, example in enumerate(test):
        words = _words(example.input)
        runs = set(_runs(words, min(NGRAM, len(words))))
        sizes.append(len(runs))
        for run in runs:
            (index if len(words) >= _LEAST_RUN else whole)[run].add(number)
    lengths = sorted({len(run) for run in index})
    nearest: dict[int, tuple[float, str]] = {}
    for other in others:
        words = _words(other.text)
        shared = Counter(whole.get(tuple(words), ()))
        for length in lengths:
            for run in set(_runs(words, length)):
                shared.update(index.get(run, ()))
        for number, count in shared.items():
            similarity = count / sizes[number]
            if similarity > nearest.get(number, (0.0, ""))[0]:
                nearest[number] = (similarity, other.id)
    for number in sorted(nearest):
        similarity, other_id = nearest[number]
        yield OverlapHit(test[number].id, other_id, similarity)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    if not length:
        return iter(())
    return zip(*(words[offset:] for offset in range(length)), strict=False)


def _by_embedding(
    test: Sequence[Example], others: Sequence[Text], embedder: Embedder
) -> Iterator[OverlapHit]:
    items = embedder.embed([example.input for example in test])
    nearest: list[tuple[float, str]] = [(0.0, "")] * len(test)
    for start in range(0, len(others), _BLOCK):
        block = others[start : start + _BLOCK]
        similarities = items @ embedder.embed([other.text for other in block]).T
        for number, best in enumerate(similarities.argmax(axis=1)):
            nearest[number] = max(
                nearest[number], (float(similarities[number, best]), block[best].id)
            )
    for example, (similarity, other) in zip(test, nearest, strict=True):
        if similarity > COSINE:
            yield OverlapHit(example.id, other, similarity)
