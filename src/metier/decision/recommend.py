"""The verdict: which rung to ship, or that nobody can tell yet; pure functions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from metier import stats
from metier.decision import reasons
from metier.decision.compare import best_rung, compare, value_of
from metier.decision.cost import break_even_calls_per_month
from metier.decision.gates import Gates, apply_gates, passing
from metier.errors import DataError, EmptyStageError
from metier.types import Comparison, Decision, Estimate, GateResult, Retention, Scorecard

ALPHA = 0.05
FEWEST_RIGHT = 6
"""Right answers that a rung has at least when it beats one that is never right: by McNemar's exact
test 5 against none are p = 0.06, 6 are p = 0.03."""
LIKELY_RIGHT = 8
"""Right answers to be expected if at least ``FEWEST_RIGHT`` are to come with 80 % probability."""
ROOM = 1.43
"""How much narrower than the room left for it an interval has to be, to fit in with 80 %
probability: 1 + 0.84 / 1.96. At 1 its end would lie within the room only every other time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms the verdict is given."""

    metric: str
    gates: Gates = field(default_factory=Gates)
    margin: float = 0.02
    """Differences up to this do not matter: the cheaper rung is taken. The default of 2 points is a
    convention; what a point is worth depends on the trade."""
    blind_spot: float = 0.10
    """The most by which a rung that was passed over may still turn out better, by the interval of
    the difference; beyond it there are too few items for a verdict. Above 0: no number of
    items rules out more than nothing."""
    tuned: Collection[str] = ()
    """The rungs that answer with tuned weights, and so have something to forget."""
    training_dollars: Mapping[str, float] = field(default_factory=dict)
    """By rung; a rung that is not named cost nothing to build."""
    months: float = 12.0
    """For how long a trained rung serves before it is trained anew."""
    calls_per_month: float | None = None
    """How many are expected; None leaves the break-even without a verdict."""


def decide(
    scorecards: Sequence[Scorecard],
    terms: Terms,
    *,
    retention: Sequence[Retention] = (),
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Decision:
    """Gates, paired comparisons among the rungs that pass, verdict."""
    results = apply_gates(
        terms.gates, scorecards, terms.metric, retention=retention, tuned=terms.tuned
    )
    comparisons = compare(
        scorecards,
        terms.metric,
        eligible=passing(scorecards, results),
        groups=groups,
        seed=seed,
    )
    return recommend(scorecards, comparisons, results, terms=terms, retention=retention)


def recommend(
    scorecards: Sequence[Scorecard],
    comparisons: Sequence[Comparison],
    gates: Sequence[GateResult],
    *,
    terms: Terms,
    retention: Sequence[Retention] = (),
) -> Decision:
    """The cheapest rung within ``terms.margin`` of the best, among those that pass every gate.

    "Cannot tell" when a cheaper rung lies further behind than the margin yet not significantly so,
    when the intervals leave room for more than ``terms.blind_spot`` of unseen loss, or when the
    rung itself is hardly known: not told from one that is never right, or alone and with an
    interval that reaches further than the blind spot. What is never right is no tie. The order of
    ``scorecards`` does not matter. ``comparisons`` hold the best passing rung against all.
    """
    if not scorecards:
        raise EmptyStageError("decision", {})
    cards = {card.rung: card for card in sorted(scorecards, key=lambda card: card.rung)}
    evidence = _Evidence(cards, tuple(comparisons), terms, tuple(gates), tuple(retention))
    names = passing(list(cards.values()), gates)
    best = best_rung([cards[name] for name in names], terms.metric)
    if best is None:
        return _decision(evidence, "none_passes", reasons.none_passes(gates))
    quality = cards[best].metrics[terms.metric]
    if quality.value == 0:
        return _nothing_right(evidence, quality)
    rivals = [_turned(evidence, best, name) for name in names if name != best]
    chosen = _cheapest_tie(evidence, best, rivals)
    doubts = _cheaper_doubts(evidence, chosen, rivals) or _blind_doubts(evidence, chosen, rivals)
    if not doubts and (more := _too_few_of(evidence, chosen, alone=not rivals)):
        said = reasons.hardly_known(cards[chosen], terms.metric, items=more)
        return _decision(evidence, "cannot_tell", said, items=more)
    if doubts:
        worst = max(doubts, key=lambda doubt: (doubt.items, doubt.comparison.against))
        said = reasons.cannot_tell(cards, worst.comparison, items=worst.items)
        return _decision(evidence, "cannot_tell", said, items=worst.items)
    return _ship(evidence, chosen, best, rivals)


def _nothing_right(evidence: _Evidence, quality: Estimate) -> Decision:
    """Nothing to ship, unless so few items were asked that much may be right of others."""
    if quality.high <= evidence.terms.blind_spot:
        return _decision(evidence, "none_passes", reasons.nothing_right(quality.n))
    enough = quality.n
    while stats.proportion(0, enough).high > evidence.terms.blind_spot:
        enough += 1
    more = max(1, enough - quality.n)
    said = reasons.nothing_right_yet(quality, items=more)
    return _decision(evidence, "cannot_tell", said, items=more)


def _too_few_of(evidence: _Evidence, chosen: str, *, alone: bool) -> int:
    """How many more items the rung's own value asks for; 0 when it is known well enough.

    Other rungs, where there are any, say what this one is worth beside them; alone it must be
    known to within the blind spot by itself.
    """
    quality = evidence.cards[chosen].metrics[evidence.terms.metric]
    is_told = quality.value * quality.n > FEWEST_RIGHT - 1e-9
    needed = 0 if is_told else math.ceil(LIKELY_RIGHT / quality.value - 1e-9)
    if alone and _reach(quality) > evidence.terms.blind_spot:
        needed = max(needed, quality.n + 1, _items_to_reach(quality, evidence.terms.blind_spot))
    return max(0, needed - quality.n)


def _items_to_reach(quality: Estimate, reach: float) -> int:
    """Items with which the interval of such a value would reach no further than this."""

    def share(n: int) -> float:
        return _reach(stats.proportion(round(quality.value * n), n))

    enough = quality.n
    while share(enough) > reach:
        enough += max(1, enough // 50)
    # items that hang together, or whose scores vary less than 0 and 1 do, count for fewer or more
    return math.ceil(enough * (_reach(quality) / share(quality.n)) ** 2)


def _reach(quality: Estimate) -> float:
    """How far the farther end of the interval lies from its value."""
    return max(quality.high - quality.value, quality.value - quality.low)


@dataclass(frozen=True, slots=True)
class _Evidence:
    cards: Mapping[str, Scorecard]
    comparisons: tuple[Comparison, ...]
    terms: Terms
    gates: tuple[GateResult, ...]
    retention: tuple[Retention, ...]


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A rival about which there are too few items, and how many more would do."""

    comparison: Comparison
    items: int


def _turned(evidence: _Evidence, rung: str, against: str) -> Comparison:
    """The comparison of these two, so that a positive difference speaks for ``rung``."""
    for found in evidence.comparisons:
        if (found.rung, found.against) == (rung, against):
            return found
        if (found.rung, found.against) == (against, rung):
            gap = found.difference
            return replace(
                found,
                rung=rung,
                against=against,
                difference=Estimate(-gap.value, -gap.high, -gap.low, gap.n),
                wins=found.losses,
                losses=found.wins,
            )
    raise DataError(
        f"no comparison of {rung!r} with {against!r}; compare() with eligible= makes it"
    )


def _price(evidence: _Evidence, rung: str) -> tuple[float, float, float, str]:
    """Sort key, cheapest first; an unknown price counts as the highest."""
    card = evidence.cards[rung]
    dollars = card.cost_per_thousand.value if card.cost_per_thousand else math.inf
    seconds = card.metrics["seconds"].value if "seconds" in card.metrics else math.inf
    return dollars, seconds, -value_of(card, evidence.terms.metric), rung


def _cheapest_tie(evidence: _Evidence, best: str, rivals: Sequence[Comparison]) -> str:
    # A significant difference below the margin is real but does not matter, so it is a tie too;
    # this also keeps a verdict from turning when more items make small differences significant.
    near = [gap.against for gap in rivals if not _is_behind(evidence, gap)]
    return min([best, *near], key=lambda rung: _price(evidence, rung))


def _is_behind(evidence: _Evidence, gap: Comparison) -> bool:
    """Whether the best leaves the other behind by what matters; what is never right always is."""
    worthless = value_of(evidence.cards[gap.against], evidence.terms.metric) == 0
    return worthless or gap.difference.value > evidence.terms.margin + 1e-9


def _cheaper_doubts(evidence: _Evidence, chosen: str, rivals: Sequence[Comparison]) -> list[_Doubt]:
    """Cheaper rungs that lie behind the best by what matters, but not significantly."""
    return [
        _Doubt(gap, _items_to_show(gap, len(evidence.comparisons)))
        for gap in rivals
        if _is_behind(evidence, gap)
        and gap.p_adjusted >= ALPHA
        and _price(evidence, gap.against) < _price(evidence, chosen)
    ]


def _blind_doubts(evidence: _Evidence, chosen: str, rivals: Sequence[Comparison]) -> list[_Doubt]:
    """Rungs that may be better than the chosen one by more than the blind spot."""
    given_up = next((gap.difference.value for gap in rivals if gap.against == chosen), 0.0)
    doubts = []
    for gap in rivals:
        if gap.against == chosen:
            loss, expected = gap.difference.high, gap.difference.value
        else:
            loss = given_up - gap.difference.low
            expected = given_up - gap.difference.value
        allowed = evidence.terms.blind_spot - expected
        if loss > evidence.terms.blind_spot and allowed > 0:
            # an interval's width shrinks with the root of the number of items
            needed = gap.difference.n * (ROOM * (loss - expected) / allowed) ** 2
            doubts.append(_Doubt(gap, max(1, math.ceil(needed) - gap.difference.n)))
    return doubts


def _items_to_show(gap: Comparison, comparisons: int) -> int:
    needed = stats.items_needed(
        gap.difference.value, _discordance(gap), alpha=ALPHA / max(1, comparisons)
    )
    return max(1, math.ceil(needed * gap.design_effect) - gap.difference.n)


def _discordance(gap: Comparison) -> float:
    if gap.discordance is None:
        return (gap.wins + gap.losses) / gap.difference.n
    return gap.discordance


def _ship(evidence: _Evidence, chosen: str, best: str, rivals: Sequence[Comparison]) -> Decision:
    terms, cards = evidence.terms, evidence.cards
    said = [reasons.chosen(cards[chosen], terms.metric)]
    if chosen != best:
        said.append(reasons.tie(cards, _turned(evidence, best, chosen), terms.margin))
    behind = [gap for gap in rivals if gap.against != chosen and _is_behind(evidence, gap)]
    said += reasons.others_behind(behind, alpha=ALPHA)
    if not any(_price(evidence, gap.against) < _price(evidence, chosen) for gap in rivals):
        said.append(reasons.nothing_cheaper(chosen, [gap.against for gap in rivals], best))
    said += reasons.failed(evidence.gates)
    said += [reasons.kept(found) for found in evidence.retention if found.rung == chosen]
    pays = _pays_back(evidence, chosen, rivals)
    if pays is not None:
        said.append(pays.sentence)
    decision = _decision(evidence, "ship", [text for text in said if text], rung=chosen)
    return replace(decision, break_even_calls_per_month=pays.calls if pays else None)


@dataclass(frozen=True, slots=True)
class _Payback:
    calls: float | None
    sentence: str


def _pays_back(evidence: _Evidence, chosen: str, rivals: Sequence[Comparison]) -> _Payback | None:
    """Against the best rung that passes and costs less to build: the one that it replaces."""
    terms, cards = evidence.terms, evidence.cards
    training = terms.training_dollars.get(chosen, 0.0)
    ours = cards[chosen].cost_per_thousand
    cheaper_built = [
        cards[gap.against]
        for gap in rivals
        if terms.training_dollars.get(gap.against, 0.0) < training
    ]
    replaced = best_rung(cheaper_built, terms.metric)
    theirs = cards[replaced].cost_per_thousand if replaced else None
    if replaced is None or ours is None or theirs is None:
        return None
    saved_training = terms.training_dollars.get(replaced, 0.0)
    calls = break_even_calls_per_month(
        training=training - saved_training,
        saved_per_thousand=theirs.value - ours.value,
        months=terms.months,
    )
    sentence = reasons.break_even(
        (chosen, replaced),
        calls=calls,
        training=(training, saved_training),
        expected=terms.calls_per_month,
    )
    return _Payback(calls, sentence)


def _decision(
    evidence: _Evidence,
    verdict: Literal["ship", "cannot_tell", "none_passes"],
    said: Sequence[str],
    *,
    rung: str | None = None,
    items: int | None = None,
) -> Decision:
    if verdict == "cannot_tell":
        said = [*said, *reasons.failed(evidence.gates)]
    smallest = _detectable(evidence)
    n = next(iter(evidence.cards.values())).metrics[evidence.terms.metric].n
    return Decision(
        verdict=verdict,
        rung=rung,
        reasons=(*said, reasons.power(n, smallest)),
        comparisons=evidence.comparisons,
        gates=evidence.gates,
        detectable_difference=smallest,
        items_needed=items,
    )


def _detectable(evidence: _Evidence) -> float:
    """At the discordance of the two rungs that lie closest; of one rung alone, of a like one."""
    metric = evidence.terms.metric
    estimates = [card.metrics[metric] for card in evidence.cards.values() if metric in card.metrics]
    if evidence.comparisons:
        closest = min(
            evidence.comparisons,
            key=lambda gap: (abs(gap.difference.value), gap.rung, gap.against),
        )
        return stats.detectable_difference(
            max(1, round(closest.difference.n / closest.design_effect)),
            _discordance(closest),
            alpha=ALPHA / len(evidence.comparisons),
        )
    quality = estimates[0]
    return stats.detectable_difference(quality.n, 2 * quality.value * (1 - quality.value))
