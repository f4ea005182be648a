"""The sentences of a verdict, for a person; each number with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metier.types import Comparison, Estimate, GateResult, Retention, Scorecard


def chosen(card: Scorecard, metric: str) -> str:
    """What to ship and how good it is."""
    return f"Ship {card.rung}: {_spell(metric)} {_share(card.metrics[metric])}{_price(card)}."


def tie(cards: Mapping[str, Scorecard], gap: Comparison, margin: float) -> str:
    """Why not the best: ``gap`` is the best rung against the chosen, cheaper one."""
    best, cheap = cards[gap.rung], cards[gap.against]
    noise = (
        f"is within the noise (p = {gap.p_adjusted:.2g} after Holm)"
        if gap.p_adjusted >= 0.05
        else f"is real but no more than the {100 * margin:g} points that matter"
    )
    return f"{gap.rung} is ahead by {_points(gap.difference)}; that {noise}{_times(best, cheap)}."


def others_behind(gaps: Sequence[Comparison], *, alpha: float) -> list[str]:
    """The rungs that the best one leaves behind, nearest first."""
    return [
        f"{gap.rung} beats {gap.against} by {_points(gap.difference)}, {gap.wins} wins to "
        f"{gap.losses} losses"
        + (
            f" (p = {gap.p_adjusted:.2g} after Holm)."
            if gap.p_adjusted < alpha
            else f"; not significant (p = {gap.p_adjusted:.2g}), but {gap.against} is not cheaper."
        )
        for gap in sorted(gaps, key=lambda gap: (gap.difference.value, gap.against))
    ]


def nothing_cheaper(rung: str, others: Sequence[str], best: str) -> str:
    """Said of the cheapest rung: whatever costs more did not earn it. Empty without others."""
    if not others:
        return f"{rung} is the only rung that passes."
    if rung != best:
        return f"{rung} is the cheapest rung that passes; nothing dearer earns its cost."
    return f"{rung} is the cheapest rung that passes and nothing beats it: keep it."


def cannot_tell(cards: Mapping[str, Scorecard], gap: Comparison, *, items: int) -> list[str]:
    """The open question and how many more items would answer it."""
    ahead, behind = cards[gap.rung], cards[gap.against]
    return [
        _needed(items),
        f"{gap.rung}{_price(ahead)} is ahead of {gap.against}{_price(behind)} by "
        f"{_points(gap.difference)}, {gap.wins} wins to {gap.losses} losses, p = "
        f"{gap.p_adjusted:.2g} after Holm: the interval still holds both a difference that "
        "matters and the opposite choice.",
    ]


def none_passes(gates: Sequence[GateResult]) -> list[str]:
    """That every rung fails a gate, and which."""
    return ["No rung passes the gates; nothing to ship.", *failed(gates)]


def nothing_right(items: int) -> list[str]:
    """That the best rung scores nothing, which no number of further items would mend."""
    return [
        f"No rung earns anything on any of the {items:,} test items; nothing to ship. Read some "
        "answers in the report: the task may ask for what the documents do not hold."
    ]


def nothing_right_yet(quality: Estimate, *, items: int) -> list[str]:
    """That so few items were asked that the best rung may yet be worth something."""
    return [
        _needed(items),
        f"No rung earns anything on {_items(quality.n)}; up to {quality.high:.0%} of others might "
        "be right: too few to say that the task is beyond them.",
    ]


def hardly_known(card: Scorecard, metric: str, *, items: int) -> list[str]:
    """That the rung which would be shipped is itself known too roughly."""
    quality = card.metrics[metric]
    return [
        _needed(items),
        f"{card.rung} has {_spell(metric)} {_share(quality)}: of {_items(quality.n)} that is too "
        "little to say what it is worth.",
    ]


def failed(gates: Sequence[GateResult]) -> list[str]:
    """Each rung that a gate stopped."""
    stopped = sorted(
        (gate for gate in gates if not gate.passed), key=lambda gate: (gate.rung, gate.gate)
    )
    return [f"{gate.rung} fails {_spell(gate.gate)}: {gate.reason}." for gate in stopped]


def kept(found: Retention) -> str:
    """What tuning left of the base's ability on one suite."""
    word = "no loss is shown" if found.ratio.high >= 1 else "some ability is lost"
    return (
        f"On {found.suite} {found.rung} keeps {_share(found.ratio)} of its base "
        f"({_percent(found.base.value)} before, {_percent(found.tuned.value)} after): {word}."
    )


def break_even(
    rungs: tuple[str, str],
    *,
    calls: float | None,
    training: tuple[float, float],
    expected: float | None,
) -> str:
    """From how many calls a month the training is paid back, and whether so many are expected.

    ``rungs`` are the one that was chosen and the one that it replaces, ``training`` the dollars
    that each takes: what is paid back is the difference.
    """
    rung, replaced = rungs
    cost = _dollars(training[0] - training[1])
    if training[1]:
        cost += f" more than that of {replaced}"
    if calls is None:
        return (
            f"{rung} costs no less per call than {replaced}, so its training "
            f"({cost}) is never paid back by price; it has to pay by quality."
        )
    pays = f"Against {replaced} its training ({cost}) pays from " + (
        "the first call a month" if calls <= 1 else f"{calls:,.0f} calls a month"
    )
    if expected is None:
        return f"{pays}."
    verdict = "pays" if expected >= calls else "does not"
    return f"{pays}; you expect {expected:,.0f}, so it {verdict}."


def power(n: int, smallest: float) -> str:
    """What so many items can show at all."""
    return (
        f"With {_items(n)} a true difference of {100 * smallest:.1f} points or more would show "
        "with 80 % power; smaller ones may go unseen."
    )


def _needed(items: int) -> str:
    return f"Cannot tell yet: about {items} more test items are needed."


def _items(n: int) -> str:
    return "1 test item" if n == 1 else f"{n:,} test items"


def _spell(name: str) -> str:
    return name.replace("_", " ")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _share(found: Estimate) -> str:
    return f"{_percent(found.value)} [{100 * found.low:.1f}, {100 * found.high:.1f}] (n={found.n})"


def _points(gap: Estimate) -> str:
    return f"{100 * gap.value:.1f} points [{100 * gap.low:.1f}, {100 * gap.high:.1f}] (n={gap.n})"


def _dollars(value: float) -> str:
    if 0 < value < 0.001:
        return "<$0.001"  # as the tables have it
    return f"${value:.2f}" if value >= 0.01 else f"${value:.2g}"


def _price(card: Scorecard) -> str:
    if card.cost_per_thousand is None:
        return ", price unknown"
    return f" at {_dollars(card.cost_per_thousand.value)} per thousand calls"


def _times(dear: Scorecard, cheap: Scorecard) -> str:
    if dear.cost_per_thousand is None or cheap.cost_per_thousand is None:
        return ""
    dollars, fewer = dear.cost_per_thousand.value, cheap.cost_per_thousand.value
    if not fewer:
        return f", and {cheap.rung} costs nothing per call"
    factor = dollars / fewer
    return f", and {cheap.rung} costs {factor:.3g} times less" if factor > 1.05 else ""
