"""Test items that something learnt from repeats."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from metier.errors import EmptyStageError
from metier.protocols import Embedder, Retriever
from metier.types import Example, Overlap, OverlapHit, Scope

NGRAM = 13
"""Words in a row that count as a repetition; GPT-3's report (Brown et al. 2020, appendix C) chose
13, and later reports kept to it: shorter runs are often set phrases."""
COSINE = 0.95
"""Above it two texts say the same. From 0.9 on pairs deserve a look; between the two all-MiniLM
also puts different texts about the same narrow subject, which are no leak."""

_LEAST_RUN = 5  # words; a shorter item repeats another text only when that is all of it
_WORD = re.compile(r"\w+")
_BLOCK = 1024
_FOUND = 5  # passages of an index that are compared with a test item


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
    threshold: float = COSINE,
) -> list[Overlap]:
    """Test items whose input stands in ``others`` (id, text) too, by 13-grams and by embedding.

    An n-gram hit shares at least one run of 13 words, or, when it is shorter, all of its words in
    a row; its ``similarity`` is the share of the item's n-grams found in that one other text. The
    embedding is looked at, from the cosine ``threshold`` on, when an embedder is given. Every
    pair is reported, the nearest first, so that all of them can be dropped.
    """
    texts = [Text(*other) for other in others]
    found = [Overlap(against, f"{NGRAM}-grams", 0.0, len(test), tuple(_by_ngrams(test, texts)))]
    if embedder is not None and test and texts:
        hits = tuple(_by_embedding(test, texts, embedder, threshold))
        found.append(Overlap(against, "embedding", threshold, len(test), hits))
    return found


def overlap_with_index(
    test: Sequence[Example], index: Retriever, *, embedder: Embedder, threshold: float = COSINE
) -> Overlap:
    """Test items that a passage of the index says in other words, by embedding.

    Only the passages that a search finds first for an item are compared with it, so the time
    grows with the test items (one search and at most ``_FOUND`` + 1 texts to embed for each) and
    not with the index. Each is searched for as the tenant whose document it is about. Search ranks
    by meaning, among others: what is nearer than the threshold stands at its top.
    """
    hits: list[OverlapHit] = []
    for tenant in dict.fromkeys(example.tenant for example in test):
        own = [example for example in test if example.tenant == tenant]
        asked = [example.input for example in own]
        found = index.search(asked, _FOUND, scope=Scope(tenant=tenant))
        passages = {hit.key: Text(hit.chunk.id, hit.chunk.text) for one in found for hit in one}
        if passages:
            hits += _by_embedding(own, list(passages.values()), embedder, threshold)
    return Overlap("index", "embedding", threshold, len(test), tuple(hits))


def drop_overlapping(train: Sequence[Example], overlaps: Sequence[Overlap]) -> list[Example]:
    """The training rows that no test item was found to resemble; ``EmptyStageError`` if none."""
    found = {hit.other for overlap in overlaps for hit in overlap.hits}
    kept = [example for example in train if example.id not in found]
    if not kept:
        raise EmptyStageError("making training rows", {"resembles a test item": len(train)})
    return kept


def _by_ngrams(test: Sequence[Example], others: Sequence[Text]) -> list[OverlapHit]:
    """All pairs that share a run; memory grows with the test items, not with the others."""
    index: dict[tuple[str, ...], set[int]] = defaultdict(set)
    sizes: list[int] = []
    for number, example in enumerate(test):
        words = _words(example.input)
        runs = set(_runs(words, min(NGRAM, len(words))))
        sizes.append(len(runs))
        for run in runs:
            index[run].add(number)
    lengths = sorted({len(run) for run in index if len(run) >= _LEAST_RUN})
    hits = []
    for other in others:
        for number, count in _shared(_words(other.text), index, lengths).items():
            hits.append((number, OverlapHit(test[number].id, other.id, count / sizes[number])))
    return [hit for _, hit in sorted(hits, key=lambda hit: (hit[0], -hit[1].similarity))]


def _shared(
    words: list[str], index: Mapping[tuple[str, ...], set[int]], lengths: Sequence[int]
) -> Counter[int]:
    """How many of its runs each test item shares with a text of these words."""
    runs = {run for length in lengths for run in _runs(words, length)}
    if len(words) < _LEAST_RUN:
        runs.add(tuple(words))
    return Counter(number for run in runs for number in index.get(run, ()))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    if not length:
        return iter(())
    return zip(*(words[offset:] for offset in range(length)), strict=False)


def _by_embedding(
    test: Sequence[Example], others: Sequence[Text], embedder: Embedder, threshold: float
) -> list[OverlapHit]:
    """All pairs above the threshold, the others read in blocks."""
    items = embedder.embed([example.input for example in test])
    hits = []
    for start in range(0, len(others), _BLOCK):
        block = others[start : start + _BLOCK]
        similarities = items @ embedder.embed([other.text for other in block]).T
        for number, column in zip(*(similarities > threshold).nonzero(), strict=True):
            similarity = float(similarities[number, column])
            hits.append((number, OverlapHit(test[number].id, block[column].id, similarity)))
    return [hit for _, hit in sorted(hits, key=lambda hit: (hit[0], -hit[1].similarity))]
