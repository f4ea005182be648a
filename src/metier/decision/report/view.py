"""What the report derives from a run before it draws: rungs in order, the focus, the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metier.decision.report import format as fmt
from metier.errors import DataError
from metier.types import (
    Candidate,
    Comparison,
    Estimate,
    GateResult,
    ItemResult,
    Retention,
    RunReport,
    Scorecard,
)

COLOURS = 8
"""Colours in the style sheet; from there on they repeat with hollow points."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung with everything the report says about it."""

    index: int
    name: str
    card: Scorecard
    candidate: Candidate | None
    quality: Estimate | None
    recommended: bool
    gates: tuple[GateResult, ...]
    retention: tuple[Retention, ...]

    @property
    def ink(self) -> str:
        """Style class that gives the rung the same colour in every plot."""
        hollow = " hollow" if self.index >= COLOURS else ""
        return f"c{self.index % COLOURS}{hollow}"

    @property
    def passed(self) -> bool | None:
        """Whether it passes all gates; None without gates."""
        return all(gate.passed for gate in self.gates) if self.gates else None

    @property
    def worst_retention(self) -> Retention | None:
        """The suite on which it kept least."""
        return min(self.retention, key=lambda one: one.ratio.value, default=None)


@dataclass(frozen=True, slots=True)
class View:
    """A run as the report tells it."""

    report: RunReport
    unit: fmt.Measure
    rungs: tuple[Rung, ...]
    focus: Rung
    """The recommended rung; without one, the best by the run's metric of those that pass the
    gates, or of all where none does."""
    below: Rung | None
    """What the focus is held against: the rung below it on the ladder, or the one above."""

    @property
    def against_below(self) -> Comparison | None:
        """The paired comparison of the focus with ``below``, seen from the focus."""
        return self.comparison(self.focus, self.below) if self.below else None

    def comparison(self, rung: Rung, against: Rung) -> Comparison | None:
        """Find a comparison in either direction and turn it so that ``rung`` comes first."""
        for one in self.report.decision.comparisons:
            if (one.rung, one.against) == (rung.name, against.name):
                return one
            if (one.against, one.rung) == (rung.name, against.name):
                return _turned(one)
        return None


def look(report: RunReport) -> View:
    """Derive the view; of several scorecards of one rung the first counts.

    Raises ``DataError`` for a run without scorecards.
    """
    if not report.scorecards:
        raise DataError(
            f"run {report.name!r} has no scorecards to report; evaluate its rungs first"
        )
    cards: dict[str, Scorecard] = {}
    for card in report.scorecards:
        cards.setdefault(card.rung, card)
    rungs = tuple(_rung(report, index, card) for index, card in enumerate(cards.values()))
    allowed = [rung for rung in rungs if rung.passed is not False]
    focus = next((rung for rung in rungs if rung.recommended), None) or _best(allowed or rungs)
    below = None
    if len(rungs) > 1:
        below = rungs[focus.index - 1] if focus.index else rungs[1]
    return View(report, fmt.measure(report.metric), rungs, focus, below)


def headline(view: View) -> str:
    """Say the verdict in one sentence with its numbers."""
    decision, focus = view.report.decision, view.focus
    quality = f"{view.unit.title} {fmt.full(focus.quality, view.unit)}"
    if decision.verdict == "ship":
        price = focus.card.cost_per_thousand
        cost = f", at {fmt.money(price.value)} per thousand calls" if price else ""
        return f"Ship {focus.name}: {quality}{_lead(view)}{cost}."
    if decision.verdict == "none_passes":
        nothing = focus.quality is not None and focus.quality.value == 0
        why = "no rung earns anything" if nothing else "no rung passes every gate"
        return f"Ship none of them: {why}. The best, {focus.name}: {quality}."
    needed = decision.items_needed
    more = f": {fmt.count(needed)} more test items" if needed else ""
    return f"Cannot tell yet{more}. In front is {focus.name}: {quality}{_lead(view)}."


def item_value(item: ItemResult, metric: str) -> float | None:
    """Return the item's score under the run's metric, or else its first score that has a value."""
    values = {score.scorer: score.value for score in item.scores if score.value is not None}
    return values.get(metric, next(iter(values.values()), None))


def _lead(view: View) -> str:
    comparison = view.against_below
    if comparison is None:
        return ""
    gap, p = _gap(comparison, view.unit), fmt.p_value(comparison.p_adjusted)
    if comparison.p_adjusted < 0.05:
        return f", {gap} against {comparison.against} ({p})"
    return f", within the noise of {comparison.against} ({gap}, {p})"


def _gap(comparison: Comparison, unit: fmt.Measure) -> str:
    value = comparison.difference.value
    return fmt.points(value) if unit.share else fmt.signed(value, digits=2)


def _rung(report: RunReport, index: int, card: Scorecard) -> Rung:
    decision = report.decision
    return Rung(
        index=index,
        name=card.rung,
        card=card,
        candidate=next((one for one in report.candidates if one.rung == card.rung), None),
        quality=card.metrics.get(report.metric),
        recommended=decision.verdict == "ship" and decision.rung == card.rung,
        gates=tuple(gate for gate in decision.gates if gate.rung == card.rung),
        retention=tuple(one for one in report.retention if one.rung == card.rung),
    )


def _best(rungs: Sequence[Rung]) -> Rung:
    return max(rungs, key=lambda rung: rung.quality.value if rung.quality else float("-inf"))


def _turned(one: Comparison) -> Comparison:
    difference = one.difference
    return Comparison(
        rung=one.against,
        against=one.rung,
        metric=one.metric,
        difference=Estimate(-difference.value, -difference.high, -difference.low, difference.n),
        p_value=one.p_value,
        p_adjusted=one.p_adjusted,
        wins=one.losses,
        losses=one.wins,
    )
