"""What is asked about which passage next: the least covered first, each kind to its budget."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.text.passage import Passage, names
from metier.dataset.generate.text.sentences import Sentence, one_line
from metier.types import QuestionKind

WRITTEN_IN_FULL: frozenset[QuestionKind] = frozenset({"summary", "rewrite", "entity_pair"})
"""Kinds whose question follows from the passage, so that only their answer is written."""


@dataclass(frozen=True, slots=True)
class Order:
    """One question to be written about one passage."""

    passage: Passage
    kind: QuestionKind
    focus: tuple[Sentence, ...]
    """The sentences that it should be about; the least asked about so far."""
    names: tuple[str, ...] = ()


class Queue:
    """Passages by how little they are covered, then by how often they had their turn.

    The order never depends on time or on other documents' content, so that a document that changed
    changes only what is asked about it.
    """

    def __init__(self, passages: Sequence[Passage], plan: GenerationPlan) -> None:
        self._plan = plan
        self._turns = max([0, *plan.menu.values()])
        chance = random.Random(plan.seed)
        self._chance = [chance.random() for _ in passages]
        self._waiting = [self._place(number, 0, 1) for number in range(len(passages))]
        if not self._turns:
            self._waiting = []
        heapq.heapify(self._waiting)

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

    def _place(self, number: int, accepted: int, turn: int) -> tuple[bool, int, float, int]:
        return accepted >= self._plan.least, turn, self._chance[number], number


def orders(
    passage: Passage, turn: int, plan: GenerationPlan, given_up: frozenset[QuestionKind]
) -> list[Order]:
    """What the menu holds for this passage in this turn."""
    found = []
    for place, (kind, budget) in enumerate(plan.menu.items()):
        if budget >= turn and kind not in given_up:
            order = _order(passage, kind, (turn - 1) * len(plan.menu) + place)
            if order is not None:
                found.append(order)
    return found


def _order(passage: Passage, kind: QuestionKind, number: int) -> Order | None:
    full = [s for s in passage.sentences if len(s.text.split()) >= 5]
    if not full:
        return None
    one = full[number % len(full)]
    if kind == "multi_fact":
        return Order(passage, kind, (one, full[(number + 1) % len(full)])) if full[1:] else None
    if kind not in ("summary", "entity_pair"):
        return Order(passage, kind, (one,))
    known = passage.subject.casefold()
    about = [n for n in names(one_line(passage.chunk.text)) if n.casefold() not in known]
    about = [n for n in about if len(n.split()) > 1 or len(n) > 6]
    needed = 2 if kind == "entity_pair" else 1
    if len(about) < needed:
        return None
    first = number % (len(about) - needed + 1)
    return Order(passage, kind, (one,), tuple(about[first : first + needed]))
