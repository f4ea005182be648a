"""What a store's whole search thinks of written questions: lessons for the embedder under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metier.retrieval.store.index import Index
from metier.retrieval.written import Written
from metier.types import Hit, Passage, Scope

_FOUND = 20
"""A question whose own passage is not among so many hits is about something else, or nothing."""
_SHARPNESS = 2.0
_OWN = 0.5


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question with the passage it was written from first, and those that look like it."""

    question: str
    passages: tuple[Passage, ...]
    targets: tuple[float, ...]
    """How right each passage is, together 1."""


def lessons(index: Index, written: Sequence[Written]) -> list[Lesson]:
    """Written questions that find their passage, each with what else was found and how right it is.

    The store's joined score (words, vectors and tokens) is the teacher, as the cross-encoder is in
    GPL (Wang and others, 2022): a passage that answers as well as the question's own is no wrong
    answer, and is not pushed away. Half of the target stays with the question's own passage, which
    the teacher may not know to be right.
    """
    taught = []
    for one, hits in zip(written, _found(index, written), strict=True):
        scores = {hit.key: hit.score for hit in hits}
        own = scores.pop((one.passage.tenant, one.passage.chunk.id), None)
        if own is None or not scores:
            continue
        others = [hit for hit in hits if hit.key in scores]
        passages = (one.passage, *(Passage(hit.chunk, hit.section) for hit in others))
        weights = [math.exp(_SHARPNESS * (score - own)) for score in (own, *scores.values())]
        total = sum(weights)
        targets = [(1 - _OWN) * weight / total for weight in weights]
        targets[0] += _OWN
        taught.append(Lesson(one.question, passages, tuple(targets)))
    return taught


def _found(index: Index, written: Sequence[Written]) -> list[list[Hit]]:
    """What each question finds, asked by the tenant whose passage it was written from."""
    found: dict[int, list[Hit]] = {}
    for tenant in dict.fromkeys(one.passage.tenant for one in written):
        places = [place for place, one in enumerate(written) if one.passage.tenant == tenant]
        asked = [written[place].question for place in places]
        hits = index.search(asked, _FOUND, scope=Scope(tenant=tenant))
        found.update(zip(places, hits, strict=True))
    return [found[place] for place in range(len(written))]
