"""Aggregate item results into a scorecard in which every number is an estimate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from metier import stats
from metier.errors import DataError, EmptyStageError
from metier.types import (
    ABSTENTION,
    Estimate,
    Example,
    ItemResult,
    Scorecard,
    Task,
    Usage,
    batches_of,
)

UNIT = (0.0, 1.0)
NOT_KNOWN = "not known before"
"""The kind of the questions that the base model answered wrongly without documents."""


def scorecard(
    rung: str,
    items: Sequence[ItemResult],
    task: Task,
    *,
    versions: Mapping[str, str],
    examples: Sequence[Example] = (),
    seed: int = 0,
) -> Scorecard:
    """Everything measured about ``rung`` on one suite.

    ``examples`` are those that the items answer: where several share a group, intervals are by
    cluster, those of seconds by batch; where they have kinds, each kind is measured apart too.
    Metrics: one per scorer; for classification also macro_f1, off_enum_rate and, where the rung
    gives probabilities, calibration_error; prompt_tokens, completion_tokens and seconds are means
    per call. A mean whose spread cannot be told (one item) is left out. The price is added by
    ``decision.cost``.
    """
    if not items:
        raise EmptyStageError(f"scorecard of {rung!r}", {})
    suites = {item.suite for item in items}
    if len(suites) > 1:
        raise DataError(f"items of {rung!r} mix the suites {', '.join(sorted(suites))}")
    groups = {row.id: row.group for row in examples if row.group}
    kinds = {row.id: row.kind for row in examples if row.kind}
    clusters = clusters_of(items, groups)
    metrics = _scores(items, clusters)
    if task.kind == "classification":
        metrics.update(_classification(items, task, clusters, seed))
    metrics.update(_spent(items, clusters))
    return Scorecard(
        rung=rung,
        suite=items[0].suite,
        items=tuple(items),
        metrics={name: value for name, value in metrics.items() if math.isfinite(value.high)},
        usage=sum((item.answer.usage for item in items), Usage()),
        seconds=math.fsum(item.seconds for item in items),
        kinds=_by_kind(items, groups, kinds),
        versions=dict(versions),
    )


def with_not_known(
    cards: Sequence[Scorecard], base: Scorecard, examples: Sequence[Example] = ()
) -> tuple[Scorecard, ...]:
    """The cards of other rungs with one more kind: the questions that the base answered wrongly.

    What the base knew without documents says nothing about what a rung was taught, and a question
    that nothing answers has nothing to be known. Where the base knew none, that kind would be the
    whole and is left out.
    """
    groups = {row.id: row.group for row in examples if row.group}
    asked = [item for item in base.items if item.target != ABSTENTION]
    unknown = {item.example: NOT_KNOWN for item in asked if not _right(item)}
    if len(unknown) == len(asked):
        return tuple(cards)
    return tuple(
        card
        if card.rung == base.rung
        else replace(card, kinds={**card.kinds, **_by_kind(card.items, groups, unknown)})
        for card in cards
    )


def _right(item: ItemResult) -> bool:
    return bool(item.scores) and item.scores[0].value == 1


def clusters_of(
    items: Sequence[ItemResult], groups: Mapping[str, str] | None
) -> tuple[str, ...] | None:
    """The cluster of each item; None when no two items share one."""
    if not groups:
        return None
    names = tuple(groups.get(item.example) or item.example for item in items)
    return names if len(set(names)) < len(names) else None


def _scores(items: Sequence[ItemResult], clusters: Sequence[str] | None) -> dict[str, Estimate]:
    """Mean of each scorer over the items that it could score."""
    names = dict.fromkeys(score.scorer for item in items for score in item.scores)
    metrics = {}
    for name in names:
        scored = [
            (score.value, position)
            for position, item in enumerate(items)
            for score in item.scores
            if score.scorer == name and score.value is not None
        ]
        if scored:
            parts = [clusters[position] for _, position in scored] if clusters else None
            metrics[name] = stats.mean([value for value, _ in scored], clusters=parts, bounds=UNIT)
    return metrics


def _by_kind(
    items: Sequence[ItemResult], groups: Mapping[str, str], kinds: Mapping[str, str]
) -> dict[str, Estimate]:
    """The first scorer's mean over the items of each kind."""
    found = {}
    for kind in sorted({kinds.get(item.example, "") for item in items} - {""}):
        part = [item for item in items if kinds.get(item.example) == kind]
        metrics = _scores(part, clusters_of(part, groups))
        first = part[0].scores[0].scorer
        if first in metrics and math.isfinite(metrics[first].high):
            found[kind] = metrics[first]
    return found


def _classification(
    items: Sequence[ItemResult], task: Task, clusters: Sequence[str] | None, seed: int
) -> dict[str, Estimate]:
    answers = [item.answer.text.strip() for item in items]
    said = stats.label_codes(answers, task.labels)
    meant = stats.label_codes([item.target.strip() for item in items], task.labels)
    if (meant < 0).any():
        odd = items[int(meant.argmin())]
        raise DataError(
            f"example {odd.example!r}: target {odd.target!r} is not one of the labels "
            f"{list(task.labels)}"
        )
    metrics = {
        "macro_f1": stats.bootstrap(
            stats.macro_f1, said, meant, clusters=clusters, seed=seed, bounds=UNIT
        ),
        "off_enum_rate": stats.mean(said < 0, clusters=clusters, bounds=UNIT),
    }
    places = [place for place, item in enumerate(items) if item.answer.probabilities]
    if sure := [items[place] for place in places]:
        metrics["calibration_error"] = stats.calibration_error(
            [confidence_of(item) for item in sure],
            [item.answer.text.strip() == item.target.strip() for item in sure],
            clusters=[clusters[place] for place in places] if clusters else None,
            seed=seed,
        )
    return metrics


def confidence_of(item: ItemResult) -> float:
    """The probability that the rung gave to what it answered."""
    probabilities = item.answer.probabilities or {}
    answered = item.answer.text.strip()
    return probabilities[answered] if answered in probabilities else max(probabilities.values())


def _spent(items: Sequence[ItemResult], clusters: Sequence[str] | None) -> dict[str, Estimate]:
    usages = [item.answer.usage for item in items]
    above = (0.0, math.inf)
    return {
        "prompt_tokens": stats.mean(
            [usage.prompt_tokens for usage in usages], clusters=clusters, bounds=above
        ),
        "completion_tokens": stats.mean(
            [usage.completion_tokens for usage in usages], clusters=clusters, bounds=above
        ),
        "seconds": stats.mean(
            [item.seconds for item in items], clusters=batches_of(items) or clusters, bounds=above
        ),
    }
