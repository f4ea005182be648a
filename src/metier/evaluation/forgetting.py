"""What a tuned model kept of its base's ability, item by item."""

from __future__ import annotations

from collections.abc import Sequence

from metier import stats
from metier.errors import DataError
from metier.types import ItemResult, Retention

UNIT = (0.0, 1.0)


def retention(
    rung: str,
    base_items: Sequence[ItemResult],
    tuned_items: Sequence[ItemResult],
    suite: str,
    *,
    seed: int = 0,
) -> Retention | None:
    """Compare base and tuned model on the same items by the suite's first score.

    None when the base scores nothing, so that nothing can be lost. DataError when the items differ.
    """
    before, after = _scores(base_items), _scores(tuned_items)
    if before.keys() != after.keys():
        odd = len(before.keys() ^ after.keys())
        raise DataError(f"suite {suite!r}: base and {rung!r} differ in {odd} of their items")
    base = [before[example] for example in before]
    tuned = [after[example] for example in before]
    if not any(base):
        return None
    return Retention(
        rung=rung,
        suite=suite,
        base=stats.mean(base, bounds=UNIT),
        tuned=stats.mean(tuned, bounds=UNIT),
        ratio=stats.ratio(tuned, base, seed=seed),
    )


def _scores(items: Sequence[ItemResult]) -> dict[str, float]:
    return {
        item.example: item.scores[0].value
        for item in items
        if item.scores and item.scores[0].value is not None
    }
