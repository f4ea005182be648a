"""Paired comparisons between rungs on the same items, corrected for their number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from metier import stats
from metier.errors import DataError
from metier.types import Comparison, ItemResult, Scorecard


def compare(
    scorecards: Sequence[Scorecard],
    metric: str,
    *,
    eligible: Collection[str] | None = None,
    groups: Mapping[str, str] | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Each rung against the one below it, and the best against every other; Holm over all.

    ``scorecards`` stand in the ladder's order and hold the same items. ``eligible`` names the
    rungs among which the best is sought: those that pass the gates. ``groups`` gives the document
    of each example id, for tests by cluster.
    """
    if not scorecards:
        return []
    cards = {card.rung: card for card in scorecards}
    best = best_rung(
        [cards[rung] for rung in cards if eligible is None or rung in eligible], metric
    )
    pairs = _pairs(list(cards), best)
    found = [
        _compared(cards[rung], cards[against], _How(metric, groups, seed))
        for rung, against in pairs
    ]
    adjusted = stats.holm([comparison.p_value for comparison in found])
    return [
        replace(comparison, p_adjusted=p) for comparison, p in zip(found, adjusted, strict=True)
    ]


def best_rung(scorecards: Sequence[Scorecard], metric: str) -> str | None:
    """The rung with the highest value; of equal ones the first by name. None of no rungs."""
    ranked = sorted(scorecards, key=lambda card: (-value_of(card, metric), card.rung))
    return ranked[0].rung if ranked else None


def value_of(card: Scorecard, metric: str) -> float:
    """The metric's value; DataError lists the metrics that there are."""
    if metric not in card.metrics:
        raise DataError(
            f"rung {card.rung!r} has no metric {metric!r}; it has {', '.join(card.metrics)}"
        )
    return card.metrics[metric].value


@dataclass(frozen=True, slots=True)
class _How:
    metric: str
    groups: Mapping[str, str] | None
    seed: int


def _pairs(rungs: Sequence[str], best: str | None) -> list[tuple[str, str]]:
    neighbours = [(upper, lower) for lower, upper in pairwise(rungs)]
    known = {frozenset(pair) for pair in neighbours}
    others = [(best, rung) for rung in rungs if best is not None and rung != best]
    return neighbours + [pair for pair in others if frozenset(pair) not in known]


def _compared(card: Scorecard, against: Scorecard, how: _How) -> Comparison:
    ours, theirs = _aligned(card, against)
    scores = [
        (item.example, a, b)
        for item, other in zip(ours, theirs, strict=True)
        if (a := _score(item, how.metric)) is not None
        and (b := _score(other, how.metric)) is not None
    ]
    if not scores:
        raise DataError(
            f"no item has the score {how.metric!r} under {card.rung!r} and {against.rung!r}"
        )
    test = stats.paired_difference(
        [a for _, a, _ in scores],
        [b for _, _, b in scores],
        seed=how.seed,
        clusters=_clusters([example for example, _, _ in scores], how.groups),
    )
    return Comparison(
        rung=card.rung,
        against=against.rung,
        metric=how.metric,
        difference=test.difference,
        p_value=test.p_value,
        p_adjusted=test.p_value,
        wins=test.wins,
        losses=test.losses,
        discordance=test.discordance,
        design_effect=test.design_effect,
    )


def _aligned(card: Scorecard, against: Scorecard) -> tuple[list[ItemResult], list[ItemResult]]:
    """Items of both, in the order of example ids."""
    ours = sorted(card.items, key=lambda item: item.example)
    theirs = sorted(against.items, key=lambda item: item.example)
    if [item.example for item in ours] != [item.example for item in theirs]:
        odd = {item.example for item in ours} ^ {item.example for item in theirs}
        raise DataError(
            f"{card.rung!r} and {against.rung!r} were not asked the same items: {len(odd)} were "
            "asked of only one of them; evaluate both on the same split"
        )
    return ours, theirs


def _score(item: ItemResult, scorer: str) -> float | None:
    return next((score.value for score in item.scores if score.scorer == scorer), None)


def _clusters(examples: Sequence[str], groups: Mapping[str, str] | None) -> tuple[str, ...] | None:
    if not groups:
        return None
    names = tuple(groups.get(example) or example for example in examples)
    return names if len(set(names)) < len(names) else None
