"""What is asked about which passage next: the least covered first, each kind to its budget."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.text.given import can_be_given
from metier.dataset.generate.text.passage import Passage
from metier.dataset.generate.text.sentences import Sentence
from metier.dataset.generate.text.topics import linked, topics
from metier.retrieval.store.words import terms
from metier.types import QuestionKind, content_hash

WRITTEN_IN_FULL: frozenset[QuestionKind] = frozenset({"summary", "rewrite", "entity_pair"})
"""Kinds whose question follows from the passage, so that only their answer is written."""

FULL = 5
"""Words of a sentence that can be asked about; in scripts without blanks, pairs of characters."""


@dataclass(frozen=True, slots=True)
class Order:
    """One question to be written about one passage."""

    passage: Passage
    kind: QuestionKind
    focus: tuple[Sentence, ...]
    """The sentences that it should be about; the least asked about so far."""
    names: tuple[str, ...] = ()


class Queue:
    """Passages by how few accepted questions they have, then by how often they had their turn.

    Ties go by seed and content, never by time or place, so that a budget is spread over the
    documents, and one that changed changes only what is asked about it.
    """

    def __init__(self, passages: Sequence[Passage], plan: GenerationPlan) -> None:
        self._turns = max([0, *plan.menu.values()])
        self._chance = [chance(passage, plan.seed) for passage in passages]
        self._waiting = [self._place(number, 0, 1) for number in range(len(passages))]
        if not self._turns:
            self._waiting = []
        heapq.heapify(self._waiting)

    @property
    def total(self) -> int:
        """Turns of all passages together; a budget may stop before."""
        return len(self._chance) * self._turns

    def take(self, count: int) -> list[tuple[int, int]]:
        """The next passages' numbers, each with its turn, from 1."""
        taken: list[tuple[int, int]] = []
        while self._waiting and len(taken) < count:
            _, turn, _, number = heapq.heappop(self._waiting)
            taken.append((number, turn))
        return taken

    def put_back(self, number: int, turn: int, accepted: int) -> None:
        """A passage had its turn and now has so many accepted questions."""
        if turn < self._turns:
            heapq.heappush(self._waiting, self._place(number, accepted, turn + 1))

    def start_with(self, accepted: Sequence[int]) -> None:
        """Begin anew with what the patterns covered."""
        self._waiting = [
            self._place(entry[3], accepted[entry[3]], entry[1]) for entry in self._waiting
        ]
        heapq.heapify(self._waiting)

    def _place(self, number: int, accepted: int, turn: int) -> tuple[int, int, str, int]:
        return accepted, turn, self._chance[number], number


class ByDocument:
    """Proposals about each document in its own order, the least covered document's first."""

    def __init__(
        self, proposals: Iterable[Proposal], covered: Mapping[str, int], seed: int
    ) -> None:
        """``covered`` are the accepted questions by document, and may grow meanwhile."""
        self._covered = covered
        self._waiting: dict[str, deque[Proposal]] = defaultdict(deque)
        for proposal in proposals:
            self._waiting[proposal.passage.document.id].append(proposal)
        self._tried = dict.fromkeys(self._waiting, 0)
        self._chance = {document: content_hash([seed, document]) for document in self._waiting}
        self._heap = [self._place(document, 0) for document in self._waiting]
        heapq.heapify(self._heap)
        self._open: Counter[str] = Counter()

    def take(self, count: int) -> list[Proposal]:
        """The next so many; each counts as accepted until they are judged."""
        taken: list[Proposal] = []
        pending: Counter[str] = Counter()
        while self._heap and len(taken) < count:
            place = heapq.heappop(self._heap)
            document = place[-1]
            if not self._waiting[document] or place != self._place(document, pending[document]):
                continue  # a newer one stands further behind, or nothing is left
            taken.append(self._waiting[document].popleft())
            self._tried[document] += 1
            pending[document] += 1
            heapq.heappush(self._heap, self._place(document, pending[document]))
        self._open = pending
        return taken

    def judged(self) -> None:
        """Let what was taken count as it was judged."""
        for document in self._open:
            heapq.heappush(self._heap, self._place(document, 0))

    def _place(self, document: str, pending: int) -> tuple[int, int, str, str]:
        accepted = self._covered.get(document, 0) + pending
        return accepted, self._tried[document], self._chance[document], document


def chance(passage: Passage, seed: int) -> str:
    """A passage's place among equals."""
    return content_hash([seed, passage.document.id, passage.hash])


def orders(
    passage: Passage,
    turn: int,
    plan: GenerationPlan,
    given_up: frozenset[QuestionKind],
    covered: Collection[int] = (),
) -> list[Order]:
    """What the menu holds for this passage in this turn.

    Sentences that begin at ``covered`` have an accepted question; the others come first.
    """
    found = []
    for place, (kind, budget) in enumerate(plan.menu.items()):
        if kind in WRITTEN_IN_FULL and not can_be_given(passage):
            continue
        if budget >= turn and kind not in given_up:
            order = _order(passage, kind, (turn - 1) * len(plan.menu) + place, covered)
            if order is not None:
                found.append(order)
    return found


def _order(
    passage: Passage, kind: QuestionKind, number: int, covered: Collection[int]
) -> Order | None:
    full = [s for s in passage.sentences if len(terms(s.text)) >= FULL]
    if not full:
        return None
    open_ones = [s for s in full if s.start not in covered] or full
    one = open_ones[number % len(open_ones)]
    if kind == "multi_fact":
        other = full[(full.index(one) + 1) % len(full)]
        return Order(passage, kind, (one, other)) if full[1:] else None
    if kind == "summary":
        about = topics(passage)
        return Order(passage, kind, (one,), (about[number % len(about)],)) if about else None
    if kind == "entity_pair":
        pairs = linked(passage, open_ones) or linked(passage, full)
        return Order(passage, kind, (one,), pairs[number % len(pairs)]) if pairs else None
    return Order(passage, kind, (one,))
