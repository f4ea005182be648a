"""Sets the threshold below which a specialist keeps silent, so that its error rate holds."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from metier.errors import DataError
from metier.stats import proportion
from metier.types import Estimate

_CHAINS = 4
_FEW_GROUPS = 30
"""Below it a flawless record of items that hang together is proof of too much: in simulation, at
a correlation of 0.5, a promise of 5 % doubt is broken in 22 % of draws of 5 documents, in 10 % of
10 and in 5 % of 20."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The error rate that is promised, and how surely."""

    error: float = 0.1
    """At most this share of the given answers is wrong."""
    doubt: float = 0.05
    """Chance, over the draw of the calibration items, that the promise does not hold."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold with what it promises."""

    score: float | None
    """Answer above this score; None when no threshold keeps the promise: never answer."""
    promise: Promise
    calibration: int
    """Items that it was set on."""
    answered: int
    """Of these, how many lie above it."""
    wrong: int
    """Of these, how many were wrong."""

    def answers(self, score: float) -> bool:
        """Whether to answer at this score."""
        return self.score is not None and score > self.score


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What would happen with one threshold."""

    score: float
    coverage: float
    """Share of the items that are answered."""
    risk: Estimate
    """Share of the answers that are wrong."""


def set_threshold(
    scores: ArrayLike,
    wrong: ArrayLike,
    *,
    promise: Promise | None = None,
    groups: Sequence[Hashable] | None = None,
    steps: int = 50,
) -> Threshold:
    """The lowest threshold whose error among the answered is surely within the promise.

    Learn then Test (Angelopoulos et al. 2021) with fixed sequences from several starts: thresholds
    are tested from the start down, each with the exact binomial (Clopper-Pearson) test of "the
    error among the answered is above the promised one", until one fails. A strict threshold leaves
    few items, and a single unlucky one must not end it all: hence four starts, each at a quarter of
    ``doubt``. So with probability
    1 - ``doubt`` over the calibration items, P(wrong | answered) <= ``error`` for new items of the
    same kind; a change of documents or askers breaks it. The order of the tests is fixed before the
    labels are seen: ``steps`` of the calibration scores at equal distances in rank. Only items
    strictly above a threshold are counted, because the item that set it is no fresh draw.

    Questions about one document err together, and then count for fewer. With ``groups`` (the
    document of each item) the test is on the effective number of items, as Korn and Graubard (1998)
    do for Clopper-Pearson; that is no longer exact, but near it from some 30 documents on.

    The promise is about all items to come; in a batch of a hundred answers the share that is wrong
    strays from it by chance, which a smaller ``doubt`` makes room for.
    """
    promise = promise or Promise()
    sure, bad = _checked(scores, wrong)
    codes = None if groups is None else _codes(groups, len(sure))
    sequence = _sequence(np.sort(sure)[::-1], promise, steps)
    proved: int | None = None
    for start in sorted({len(sequence) * chain // _CHAINS for chain in range(_CHAINS)}):
        for place in range(start, len(sequence)):
            answered = sure > sequence[place]
            group = None if codes is None else codes[answered]
            if _chance(bad[answered], group, promise.error) > promise.doubt / _CHAINS:
                break
            proved = place if proved is None else max(proved, place)
    if proved is None:
        return Threshold(None, promise, len(sure), 0, 0)
    answered = sure > sequence[proved]
    count, errors = int(answered.sum()), int(bad[answered].sum())
    return Threshold(sequence[proved], promise, len(sure), count, errors)


def risk_curve(scores: ArrayLike, wrong: ArrayLike, *, points: int = 20) -> list[RiskPoint]:
    """Error among the answered at thresholds of equally spaced coverage, the strictest first."""
    sure, bad = _checked(scores, wrong)
    order = np.sort(sure)[::-1]
    curve: list[RiskPoint] = []
    for count in sorted(
        {max(1, round(len(sure) * step / points)) for step in range(1, points + 1)}
    ):
        answered = sure >= order[count - 1]
        total = int(answered.sum())
        risk = proportion(int(bad[answered].sum()), total)
        curve.append(RiskPoint(float(order[count - 1]), total / len(sure), risk))
    return curve


@dataclass(frozen=True, slots=True)
class Confidence:
    """A logistic model of how likely an answer is to be right, from what is known about it."""

    weights: Mapping[str, float]
    """Log odds for one standard deviation of each feature; ``intercept`` besides."""
    means: Mapping[str, float]
    deviations: Mapping[str, float]

    def score(self, features: Mapping[str, float]) -> float:
        """Probability, 0 to 1; features have to be those that it was fitted to."""
        odds = self.weights["intercept"] + sum(
            self.weights[name] * (features[name] - self.means[name]) / self.deviations[name]
            for name in self.means
        )
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def fit_confidence(features: Sequence[Mapping[str, float]], right: Sequence[bool]) -> Confidence:
    """Fit to items of known outcome; on other items than those the threshold is set on.

    Raises ``DataError`` when there are no items, or all have one outcome.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(right)) < 2:
        raise DataError(
            f"confidence cannot be fitted to {len(right)} items that are all right or all wrong; "
            "give items of both kinds"
        )
    names = sorted(features[0])
    table = np.array([[row[name] for name in names] for row in features], dtype=np.float64)
    means, spread = table.mean(axis=0), table.std(axis=0)
    spread[spread < 1e-12] = 1.0
    model = LogisticRegression(C=1.0, max_iter=2000).fit((table - means) / spread, list(right))
    weights = dict(zip(names, model.coef_[0].tolist(), strict=True))
    return Confidence(
        {"intercept": float(model.intercept_[0]), **weights},
        dict(zip(names, means.tolist(), strict=True)),
        dict(zip(names, spread.tolist(), strict=True)),
    )


def _checked(scores: ArrayLike, wrong: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    sure, bad = np.asarray(scores, dtype=np.float64), np.asarray(wrong, dtype=bool)
    if sure.ndim != 1 or sure.shape != bad.shape or not len(sure) or not np.isfinite(sure).all():
        raise DataError(
            f"a threshold needs one finite score and one outcome an item; got {sure.shape} scores "
            f"and {bad.shape} outcomes"
        )
    return sure, bad


def _sequence(order: NDArray[np.float64], promise: Promise, steps: int) -> list[float]:
    """Thresholds to test, the strictest first; fixed by the scores alone."""
    fewest = math.ceil(math.log(promise.doubt / _CHAINS) / math.log1p(-promise.error))
    if fewest >= len(order):
        return []  # not even a flawless record would be proof
    # Room for some errors at the first test: a few wrong answers at the top must not end it.
    first = min(len(order) - 1, 2 * fewest)
    counts = np.unique(np.linspace(first, len(order) - 1, steps).round().astype(int))
    return [float(order[count]) for count in counts]


def _codes(groups: Sequence[Hashable], count: int) -> NDArray[np.int64]:
    if len(groups) != count:
        raise DataError(f"{count} scores need a group each; got {len(groups)} groups")
    known = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    return np.array([known[group] for group in groups], dtype=np.int64)


def _crowding(bad: NDArray[np.bool_], codes: NDArray[np.int64]) -> float:
    """How many times more the error rate varies than that of independent items; 1 at least.

    Where nothing varies, nothing tells how far items hang together: each of a few groups is one
    item then.
    """
    share, count = float(bad.mean()), len(bad)
    groups = np.unique(codes, return_inverse=True)[1]
    total = int(groups.max()) + 1
    if share in (0.0, 1.0) or total < 2:
        return count / total if total < _FEW_GROUPS else 1.0
    strayed = np.bincount(groups, weights=bad - share)
    return max(1.0, float((strayed**2).sum()) * total / (total - 1) / (count * share * (1 - share)))


def _chance(bad: NDArray[np.bool_], groups: NDArray[np.int64] | None, error: float) -> float:
    """Binomial probability of so few errors at that rate, on the effective number of items."""
    if not len(bad):
        return 1.0
    share = 1.0 if groups is None else 1 / _crowding(bad, groups)
    count, errors = share * len(bad), share * int(bad.sum())
    # ``binom.cdf``, for numbers that need not be whole.
    return float(special.betainc(count - errors, errors + 1, 1 - error)) if errors < count else 1.0
