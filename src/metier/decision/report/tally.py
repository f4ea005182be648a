"""Counts behind the pictures: confusions, reliability bins, wins and losses, the Pareto front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from metier.decision.report.view import Rung, item_value
from metier.stats import proportion
from metier.types import Estimate, ItemResult

OFF_LIST = "(not on the list)"
ABSTAINED = "(no answer)"


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each target got each answer."""

    targets: tuple[str, ...]
    answers: tuple[str, ...]
    """The labels, then off-list and abstained answers where there are any."""
    counts: dict[tuple[str, str], int]

    def total(self, target: str) -> int:
        """Count the items of one target."""
        return sum(self.counts.get((target, answer), 0) for answer in self.answers)

    def mistakes(self, limit: int = 8) -> list[tuple[str, str, int]]:
        """List the most frequent wrong answers as target, answer, count."""
        wrong = [(*pair, n) for pair, n in self.counts.items() if pair[0] != pair[1]]
        return sorted(wrong, key=lambda one: (-one[2], one[0], one[1]))[:limit]


def confusion(items: Sequence[ItemResult], labels: Sequence[str]) -> Confusion:
    """Count answers by target; the labels keep the task's order."""
    known = set(labels)
    counts = Counter((item.target, _answered(item, known)) for item in items)
    seen = {answer for _, answer in counts}
    extra = [answer for answer in (OFF_LIST, ABSTAINED) if answer in seen]
    targets = [*labels, *sorted({target for target, _ in counts} - known)]
    return Confusion(tuple(targets), (*labels, *extra), dict(counts))


@dataclass(frozen=True, slots=True)
class Bin:
    """Items answered with similar confidence, and how often they were right."""

    confidence: float
    right: Estimate


def reliability(rung: Rung, metric: str, *, bins: int = 10) -> tuple[Bin, ...]:
    """Group items by the probability of the given answer, in bins of equal width.

    Ten bins, as in Guo et al. 2017: equal widths keep the picture honest where many items share
    one confidence. Empty without probabilities; a graded score counts as right from a half on.
    """
    groups: dict[int, list[tuple[float, bool]]] = {}
    for item in rung.card.items:
        value = item_value(item, metric)
        if not item.answer.probabilities or value is None:
            continue
        confidence = max(item.answer.probabilities.values())
        groups.setdefault(min(int(confidence * bins), bins - 1), []).append(
            (confidence, value >= 0.5)
        )
    return tuple(
        Bin(
            sum(sure for sure, _ in group) / len(group),
            proportion(sum(right for _, right in group), len(group)),
        )
        for _, group in sorted(groups.items())
    )


@dataclass(frozen=True, slots=True)
class CostPoint:
    """One rung's place in the plot of quality against cost."""

    rung: Rung
    cost: Estimate
    quality: Estimate
    on_front: bool
    """No other rung is at least as good and at least as cheap, and better in one of them."""


@dataclass(frozen=True, slots=True)
class CostView:
    """Which cost the plot shows, its points, and the rungs it cannot place."""

    key: str
    """``cost`` in US dollars per thousand calls, or ``seconds`` per call where prices lack."""
    points: tuple[CostPoint, ...]
    left_out: tuple[str, ...]


def cost_view(rungs: Sequence[Rung]) -> CostView | None:
    """Choose the cost that most rungs have a figure for, dollars first; None without figures."""
    dollars = {rung.name: rung.card.cost_per_thousand for rung in rungs}
    seconds = {rung.name: rung.card.metrics.get("seconds") for rung in rungs}
    known_dollars = sum(_positive(one) for one in dollars.values())
    key = "cost" if known_dollars * 2 > len(rungs) else "seconds"
    costs = dollars if key == "cost" else seconds
    placed = [
        (rung, cost, rung.quality)
        for rung in rungs
        if (cost := costs[rung.name]) and _positive(cost) and rung.quality
    ]
    if not placed:
        return None
    points = tuple(
        CostPoint(
            rung,
            cost,
            quality,
            on_front=not any(
                _beats((other_cost, other_quality), (cost, quality))
                for _, other_cost, other_quality in placed
            ),
        )
        for rung, cost, quality in placed
    )
    names = {point.rung.name for point in points}
    return CostView(key, points, tuple(rung.name for rung in rungs if rung.name not in names))


def _beats(one: tuple[Estimate, Estimate], other: tuple[Estimate, Estimate]) -> bool:
    cost, quality = one[0].value, one[1].value
    no_worse = cost <= other[0].value and quality >= other[1].value
    return no_worse and (cost < other[0].value or quality > other[1].value)


def _positive(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.value > 0


def _answered(item: ItemResult, known: set[str]) -> str:
    if item.answer.abstained:
        return ABSTAINED
    text = item.answer.text.strip()
    return text if text in known else OFF_LIST
