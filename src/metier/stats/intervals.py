"""Estimates with their 95 % intervals: proportions, means, ratios, any statistic."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as reference

from metier.errors import DataError
from metier.types import Estimate

Array = NDArray[Any]
Bounds = tuple[float, float]
Statistic = Callable[..., Array]
"""Takes arrays of shape (..., items) and reduces the last axis, for all resamples at once."""

CONFIDENCE = 0.95
BATCH_CELLS = 2_000_000
"""Resamples are drawn in batches whose index array has at most this many cells (16 MB)."""
BCA_ITEMS = 5000
"""Above it plain percentiles: the jackknife of BCa grows with items², its gain shrinks with 1/n."""


def proportion(successes: int, n: int) -> Estimate:
    """Share of successes with Wilson's interval, which stays honest at 0 and at n of n.

    Wilson and not Wald or Clopper-Pearson: Brown, Cai and DasGupta (2001).
    """
    require_items(n)
    interval = reference.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    share = successes / n
    # Wilson's ends touch 0 and 1 only up to rounding; the interval must hold its value.
    return Estimate(share, min(float(interval.low), share), max(float(interval.high), share), n)


def mean(
    values: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    bounds: Bounds | None = None,
) -> Estimate:
    """Mean with Student's interval; Wilson's when ``bounds`` is (0, 1).

    Wilson's is that of as many 0s and 1s as would leave the mean as unsure as these values do, by
    clusters too, at Student's quantile (Franco et al. 2019): near 0 and 1 Student's misses the
    truth twice as often as it says.
    ``clusters`` names the document (or the like) of each value: values of one cluster hang
    together, so the error is summed by cluster (CR1, clusters - 1 degrees of freedom, as
    statsmodels has it). ``bounds`` are the least and the greatest possible value. One value, or
    one cluster, says nothing about the spread: the interval is then all that is possible.
    """
    x = series(values)
    if clusters is None and bounds == (0.0, 1.0) and np.isin(x, (0, 1)).all():
        return proportion(int(x.sum()), len(x))
    value = float(x.mean())
    sums = cluster_sums(x - value, clusters)
    groups = len(sums)
    lowest, highest = bounds or (-math.inf, math.inf)
    if groups < 2:
        return Estimate(value, lowest, highest, len(x))
    error = math.sqrt(float((sums**2).sum()) * groups / (groups - 1)) / len(x)
    # equal values leave a rounding error behind that is no spread; a spread of 1e-200 squares to 0
    if np.ptp(x) == 0 or error == 0:
        return replace(unvaried(value, groups, bounds), n=len(x))
    half = float(reference.t.ppf((1 + CONFIDENCE) / 2, groups - 1)) * error
    if bounds == (0.0, 1.0) and value * (1 - value) > 0:
        return _share(value, half, len(x))
    return Estimate(value, max(lowest, value - half), min(highest, value + half), len(x))


def _share(value: float, half: float, n: int) -> Estimate:
    """Wilson's interval where Student's reaches ``half`` to either side, of ``n`` items."""
    pull = half * (half / (value * (1 - value)))
    centre, reach = value + pull / 2, math.hypot(half, pull / 2)
    low, high = (max(0.0, centre - reach) / (1 + pull), (centre + reach) / (1 + pull))
    return Estimate(value, min(low, value), min(1.0, max(high, value)), n)


def bootstrap(
    statistic: Statistic,
    *arrays: ArrayLike,
    seed: int,
    resamples: int = 2000,
    clusters: Sequence[Hashable] | None = None,
    bounds: Bounds | None = None,
) -> Estimate:
    """Interval of any statistic of the items, which ``arrays`` describe position by position.

    With ``clusters`` whole clusters are drawn, and the ends are percentiles.

    BCa (Efron 1987) through scipy, because macro-F1 and the like are biased and skewed in
    resamples; percentiles above ``BCA_ITEMS`` items.
    """
    columns = [np.asarray(array) for array in arrays]
    n = len(columns[0])
    require_items(n)
    value = float(statistic(*columns))
    if n == 1:
        lowest, highest = bounds or (-math.inf, math.inf)
        return Estimate(value, lowest, highest, n)

    if clusters is not None:
        drawn = cluster_rows(clusters, resamples, np.random.default_rng(seed))
        found = [float(statistic(*(column[rows] for column in columns))) for rows in drawn]
        if np.ptp(found) < 1e-12:
            return replace(unvaried(value, len(set(clusters)), bounds), n=n)
        low, high = np.quantile(found, tails())
        return Estimate(value, min(float(low), value), max(float(high), value), n)

    def reduced(*resampled: Array, axis: int = -1) -> Array:
        return statistic(*(np.moveaxis(column, axis, -1) for column in resampled))

    method: Literal["BCa", "percentile"] = "BCa" if n <= BCA_ITEMS else "percentile"
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        # said when no resample varies; unvaried answers that below
        warnings.simplefilter("ignore", reference.DegenerateDataWarning)
        result = reference.bootstrap(
            columns,
            reduced,
            paired=True,
            vectorized=True,
            n_resamples=resamples,
            batch=max(1, BATCH_CELLS // n),
            confidence_level=CONFIDENCE,
            method=method,
            rng=np.random.default_rng(seed),
        )
        low, high = (float(end) for end in result.confidence_interval)
        if math.isnan(low) or math.isnan(high):  # BCa has no answer where the jackknife is flat
            low, high = np.quantile(result.bootstrap_distribution, tails())
    if high - low < 1e-12:
        return unvaried(value, n, bounds)
    return Estimate(value, min(float(low), value), max(float(high), value), n)


def ratio(a: ArrayLike, b: ArrayLike, *, seed: int, paired: bool = True) -> Estimate:
    """Mean of ``a`` over mean of ``b``, percentile bootstrap; paired: of the same items.

    DataError when the mean of ``b`` is 0. Where the resamples cannot rule out that it is, high is
    the most that the intervals of both leave room for, which is finite. When no resample varies,
    the ends are what the items could have missed.
    """
    x, y = series(a), series(b)
    if paired and len(x) != len(y):
        raise DataError(f"paired scores must be of the same items: {len(x)} against {len(y)}")
    if y.mean() == 0:
        raise DataError(f"no ratio to a mean of 0 (over {len(y)} items)")
    generator = np.random.default_rng(seed)
    quotients: list[Array] = []
    for size in batches(10_000, len(x)):
        rows = generator.integers(0, len(x), (size, len(x)))
        others = rows if paired else generator.integers(0, len(y), (size, len(y)))
        below = y[others].mean(axis=-1)
        above = x[rows].mean(axis=-1)
        quotients.append(np.divide(above, below, out=np.full(size, math.inf), where=below != 0))
    value = float(x.mean() / y.mean())
    # inverted_cdf does not interpolate, so an infinite quotient cannot turn into NaN
    low, high = np.quantile(np.concatenate(quotients), tails(), method="inverted_cdf")
    if low == value and high in (value, math.inf):
        # No resample varied: as in unvaried, of the items that could have moved the ratio.
        relevant = int(np.count_nonzero(x) if not paired else np.count_nonzero((x != 0) | (y != 0)))
        unseen = proportion(relevant, relevant).low if relevant else 0.0
        low = value * unseen
        if value == 0:  # the items that none of these was like may score what b's best does
            high = max(high, proportion(0, len(x)).high * float(y.max() / y.mean()))
        elif unseen:
            high = value / unseen
    if high == math.inf:
        high = _room_above(x, y)
    return Estimate(value, min(float(low), value), max(float(high), value), len(x))


def _room_above(x: Array, y: Array) -> float:
    """The most that a ratio of means may be, when resamples of ``y`` may hold nothing but zeros.

    Wilson's ends of the shares that score at all; where no ``x`` does, those that might score what
    the best of ``y`` does. Both ends at once are rarer than either, so the room is generous.
    """
    scoring = x[x != 0]
    above = proportion(len(scoring), len(x)).high * (scoring.mean() if scoring.size else y.max())
    below = proportion(int(np.count_nonzero(y)), len(y)).low * y[y != 0].mean()
    return float(above / below)


def require_items(n: int) -> None:
    """Refuse to estimate from nothing."""
    if n < 1:
        raise DataError("no estimate without items: give at least one")


def series(values: ArrayLike) -> NDArray[np.float64]:
    """Finite values in one dimension, at least one of them."""
    x = np.asarray(values, dtype=np.float64).ravel()
    require_items(len(x))
    if not np.isfinite(x).all():
        raise DataError(f"{int((~np.isfinite(x)).sum())} of {len(x)} values are not finite")
    return x


def cluster_sums(x: Array, clusters: Sequence[Hashable] | None) -> Array:
    """Sums of the values of each cluster; without clusters each value stands for itself."""
    if clusters is None:
        return x
    if len(clusters) != len(x):
        raise DataError(f"{len(x)} values but {len(clusters)} cluster names")
    codes = {name: code for code, name in enumerate(dict.fromkeys(clusters))}
    return np.bincount([codes[name] for name in clusters], weights=x)


def cluster_rows(
    clusters: Sequence[Hashable], resamples: int, generator: np.random.Generator
) -> Iterator[Array]:
    """Positions of the items of as many clusters as there are, drawn with replacement."""
    places: dict[Hashable, list[int]] = {}
    for place, name in enumerate(clusters):
        places.setdefault(name, []).append(place)
    members = [np.array(rows) for rows in places.values()]
    for _ in range(resamples):
        drawn = generator.integers(0, len(members), len(members))
        yield np.concatenate([members[one] for one in drawn])


def batches(resamples: int, items: int) -> list[int]:
    """Sizes of the batches in which to draw so many resamples."""
    size = max(1, BATCH_CELLS // items)
    full, rest = divmod(resamples, size)
    return [size] * full + ([rest] if rest else [])


def tails() -> tuple[float, float]:
    """The quantiles at which the interval ends."""
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2


def unvaried(value: float, n: int, bounds: Bounds | None) -> Estimate:
    """Interval when no item (or cluster) differed: the share of unlike ones that ``n`` could miss.

    Those would lie at the bounds; towards a side without a bound nothing can be said.
    """
    low, high = value, value
    missed = 1 - proportion(n, n).low
    if bounds and math.isfinite(bounds[0]):
        low -= missed * (value - bounds[0])
    if bounds and math.isfinite(bounds[1]):
        high += missed * (bounds[1] - value)
    return Estimate(value, low, high, n)
