"""Test items that something learnt from repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from metier.dataset.word_for_word import NGRAM, SHARE, repetitions
from metier.errors import DataError, EmptyStageError
from metier.protocols import Embedder, Retriever
from metier.types import Example, Overlap, OverlapHit, Scope

COSINE = 0.95
"""Above it two texts say the same. From 0.9 on pairs deserve a look; between the two all-MiniLM
also puts different texts about the same narrow subject, which are no leak."""

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

    An n-gram hit shares two fifths (``SHARE``) of the runs of 13 words that the shorter of the two
    texts has, or, when that is shorter than 13 words, all of it; its ``similarity`` is that share.
    Runs that many texts have are boilerplate and left out. One shared run is no copy: with the
    court's name, a notice or a quoted statute it would drop every other opinion. The embedding is
    looked at, above the cosine ``threshold``, when an embedder is given. Every pair is reported,
    the nearest first, so that all of them can be dropped.
    """
    texts = [Text(*other) for other in others]
    found = [Overlap(against, f"{NGRAM}-grams", SHARE, len(test), tuple(_by_ngrams(test, texts)))]
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


def drop_overlapping(
    train: Sequence[Example], overlaps: Sequence[Overlap], labels: Sequence[str] = ()
) -> list[Example]:
    """The training rows that no test item was found to resemble; ``EmptyStageError`` if none.

    ``DataError`` if one of the ``labels`` loses its last row.
    """
    found = {hit.other for overlap in overlaps for hit in overlap.hits}
    kept = [example for example in train if example.id not in found]
    if not kept:
        raise EmptyStageError("making training rows", {"resembles a test item": len(train)})
    _check_labels(train, kept, overlaps, labels)
    return kept


def _check_labels(
    train: Sequence[Example],
    kept: Sequence[Example],
    overlaps: Sequence[Overlap],
    labels: Sequence[str],
) -> None:
    before, left = Counter(row.target for row in train), {row.target for row in kept}
    for label in (one for one in labels if before[one] and one not in left):
        ids = {row.id for row in train if row.target == label}
        by = ", ".join(
            f"{len(ids & {hit.other for hit in one.hits})} by {one.by} from {one.threshold:g} on"
            for one in overlaps
        )
        raise DataError(
            f'all {before[label]:,} training rows of the label "{label}" resemble a test item '
            f"({by}), and a copy may not train; keep rows that belong together on one side "
            '([task] group, or [split] by = "entity"), take out what they repeat ([cleaning] '
            "steps), or raise [split] overlap_threshold if they are no copies"
        )


def _by_ngrams(test: Sequence[Example], others: Sequence[Text]) -> list[OverlapHit]:
    found = repetitions([one.input for one in test], [other.text for other in others])
    ordered = sorted(found, key=lambda one: (one.text, -one.share))
    return [OverlapHit(test[one.text].id, others[one.other].id, one.share) for one in ordered]


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
