"""Two rungs on the same items: differences, tests, and how many items they take."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize
from scipy import stats as reference

from metier.errors import DataError
from metier.stats.intervals import (
    BATCH_CELLS,
    CONFIDENCE,
    Array,
    cluster_sums,
    mean,
    require_items,
    series,
)
from metier.types import Estimate


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much better the first of two series is on the same items, and how sure that is."""

    difference: Estimate
    p_value: float
    """Two-sided; of "neither is better"."""
    wins: int
    losses: int
    discordance: float
    """Mean squared difference; of 0/1 scores the share of items that only one got right."""
    design_effect: float = 1.0
    """By how much items of one cluster hang together: so many tell as much as one alone would."""


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    seed: int,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = 9999,
) -> PairedDifference:
    """Compare two series of scores of the same items; positive when ``a`` is better.

    0/1 scores: McNemar's exact test, and the interval of Bonett and Price (2012), which
    Fagerland, Lydersen and Laake (2014) recommend. Other scores, or clustered ones: sign-flip
    permutation test, Student's interval of the mean difference.
    """
    x, y = series(a), series(b)
    if len(x) != len(y):
        raise DataError(f"paired scores must be of the same items: {len(x)} against {len(y)}")
    gaps = x - y
    wins, losses = int((gaps > 0).sum()), int((gaps < 0).sum())
    if clusters is None and np.isin((x, y), (0, 1)).all():
        difference = _bonett_price(wins, losses, len(x))
        p_value = _exact_mcnemar(wins, losses)
    else:
        unit = bool(((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)).all())
        difference = mean(gaps, clusters=clusters, bounds=(-1.0, 1.0) if unit else None)
        p_value = _sign_flip(cluster_sums(gaps, clusters), seed, resamples)
    squared = float((gaps**2).mean())
    return PairedDifference(
        difference, p_value, wins, losses, squared, design_effect(gaps, clusters)
    )


def design_effect(values: ArrayLike, clusters: Sequence[Hashable] | None) -> float:
    """The variance of a mean by cluster over that of as many independent values, at least 1.

    Where nothing varies it is the mean size of a cluster: values alike could be alike within each.
    """
    x = series(values)
    sums = cluster_sums(x - x.mean(), clusters)
    n, groups = len(x), len(sums)
    plain = float(((x - x.mean()) ** 2).sum()) / max(1, n - 1)
    if clusters is None or groups < 2 or np.ptp(x) == 0 or plain == 0:
        return n / groups
    together = float((sums**2).sum()) / n * groups / (groups - 1)
    return max(1.0, together / plain)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for having made them all (Holm 1979); same order as given."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    result = np.empty(len(p_values))
    result[order] = adjusted
    return [float(p) for p in result]


def items_needed(
    difference: float, discordance: float, *, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Paired items that show a true ``difference`` with this power (Connor 1987).

    ``discordance`` as in ``PairedDifference``; it cannot be less than the difference itself.
    """
    if not difference:
        raise DataError("a difference of 0 cannot be shown by any number of items")
    return math.ceil(_connor(abs(difference), discordance, power, alpha))


def detectable_difference(
    n: int, discordance: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest true difference that ``n`` paired items show with this power; 1 at most."""
    require_items(n)
    if _connor(1.0, discordance, power, alpha) >= n:
        return 1.0
    return float(
        optimize.brentq(lambda gap: _connor(gap, discordance, power, alpha) - n, 1e-9, 1.0)
    )


def _connor(gap: float, discordance: float, power: float, alpha: float) -> float:
    # of 0/1 scores the share of unlike items is at least the difference of the means
    spread = max(discordance, gap)
    z_alpha = float(reference.norm.ppf(1 - alpha / 2))
    z_power = float(reference.norm.ppf(power))
    root = z_alpha * math.sqrt(spread) + z_power * math.sqrt(max(0.0, spread - gap**2))
    return (root / gap) ** 2


def _bonett_price(wins: int, losses: int, n: int) -> Estimate:
    won, lost = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    centre = won - lost
    z = float(reference.norm.ppf((1 + CONFIDENCE) / 2))
    half = z * math.sqrt((won + lost - centre**2) / (n + 2))
    value = (wins - losses) / n
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    return Estimate(value, min(low, value), max(high, value), n)


def _exact_mcnemar(wins: int, losses: int) -> float:
    if wins + losses == 0:
        return 1.0
    return float(reference.binomtest(wins, wins + losses, 0.5).pvalue)


def _sign_flip(sums: Array, seed: int, resamples: int) -> float:
    moved = sums[sums != 0]  # a zero stays itself under a flip of its sign
    if len(moved) < 2:
        return 1.0
    result = reference.permutation_test(
        (moved,),
        lambda x, axis=-1: np.sum(x, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, BATCH_CELLS // len(moved)),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
