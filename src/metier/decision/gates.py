"""Gates: what a rung must reach before it may be chosen at all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from metier.decision.compare import value_of
from metier.types import Estimate, GateResult, Retention, Scorecard


@dataclass(frozen=True, slots=True)
class Gates:
    """Limits of the recipe; None is no limit."""

    least_quality: float | None = None
    """Of the verdict's metric."""
    most_forgetting: float | None = None
    """Share of the base's ability that may be lost on any retention suite, such as 0.05; more has
    to be shown, by the interval, to stop a rung."""
    most_cost_per_thousand: float | None = None
    """US dollars."""
    most_seconds_per_call: float | None = None
    """The mean of calls that are asked in batches, as in the evaluation: one by itself may take
    longer."""


def apply_gates(
    gates: Gates,
    scorecards: Sequence[Scorecard],
    metric: str,
    *,
    retention: Sequence[Retention],
    tuned: Collection[str] = (),
) -> list[GateResult]:
    """A result per rung and gate that is set; the estimate decides, its interval is told.

    Of forgetting the interval decides: suites are small and there are several, so that the worst
    estimate lies below the limit by chance where nothing was lost. A rung of which the limited
    quantity is unknown fails. ``tuned`` names the rungs that have something to forget.
    """
    results = []
    for card in scorecards:
        results += _measured(gates, card, metric)
        if gates.most_forgetting is not None:
            kept = [found for found in retention if found.rung == card.rung]
            is_tuned = bool(kept) or card.rung in tuned
            results.append(_forgetting(card.rung, kept, gates.most_forgetting, tuned=is_tuned))
    return results


def passing(scorecards: Sequence[Scorecard], results: Sequence[GateResult]) -> list[str]:
    """The rungs that fail no gate, in the order of the scorecards."""
    failed = {result.rung for result in results if not result.passed}
    return [card.rung for card in scorecards if card.rung not in failed]


def _measured(gates: Gates, card: Scorecard, metric: str) -> list[GateResult]:
    results = []
    if gates.least_quality is not None:
        value_of(card, metric)
        quality = card.metrics[metric]
        passed = quality.value >= gates.least_quality
        reason = _reason(metric, quality, "at least", gates.least_quality)
        results.append(GateResult("least_quality", card.rung, passed, reason))
    limits = (
        ("most_cost_per_thousand", card.cost_per_thousand, gates.most_cost_per_thousand),
        ("most_seconds_per_call", card.metrics.get("seconds"), gates.most_seconds_per_call),
    )
    for gate, spent, limit in limits:
        if limit is not None:
            results.append(_at_most(gate, card.rung, spent, limit))
    return results


def _at_most(gate: str, rung: str, spent: Estimate | None, limit: float) -> GateResult:
    what = "US dollars per thousand calls" if "cost" in gate else "mean seconds a call, in batches"
    if spent is None:
        return GateResult(gate, rung, False, f"{what}: unknown, so the limit {limit:g} is not met")
    return GateResult(gate, rung, spent.value <= limit, _reason(what, spent, "at most", limit))


def _forgetting(rung: str, kept: Sequence[Retention], limit: float, *, tuned: bool) -> GateResult:
    gate, least = "most_forgetting", 1 - limit
    if not tuned:
        return GateResult(gate, rung, True, "not tuned: nothing to forget")
    if not kept:
        said = "what tuning lost: unknown, so the limit is not met; no suite of [retention] tells"
        return GateResult(gate, rung, False, said)
    lost = [found for found in kept if found.ratio.high < least]
    worst = min(lost or kept, key=lambda found: found.ratio.value)
    reason = _told(f"share kept on {worst.suite}", worst.ratio, "at least", least)
    if not lost and any(found.ratio.low < least for found in kept):
        reason += "; a greater loss is not shown, and not ruled out by so few items"
    return GateResult(gate, rung, not lost, reason)


def _reason(what: str, measured: Estimate, word: str, limit: float) -> str:
    unsure = measured.low <= limit <= measured.high
    return _told(what, measured, word, limit) + (
        "; the interval holds the limit, so this could turn with more items" if unsure else ""
    )


def _told(what: str, measured: Estimate, word: str, limit: float) -> str:
    return (
        f"{what} {measured.value:.4g} [{measured.low:.4g}, {measured.high:.4g}] "
        f"(n={measured.n}), {word} {limit:.4g} asked"
    )
