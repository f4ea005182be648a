"""Sets the threshold below which a specialist keeps silent, so that its error rate holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as reference

from metier.errors import DataError
from metier.stats import proportion
from metier.types import Estimate


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
    scores: ArrayLike, wrong: ArrayLike, *, promise: Promise | None = None, steps: int = 50
) -> Threshold:
    """The lowest threshold whose error among the answered is surely within the promise.

    Learn then Test (Angelopoulos et al. 2021) with fixed-sequence testing: thresholds are tested
    from the highest down, each with the exact binomial (Clopper-Pearson) test of "the error among
    the answered is above the promised one" at level ``doubt``, until one fails. So with probability
    1 - ``doubt`` over the calibration items, P(wrong | answered) <= ``error`` for new items of the
    same kind; a change of documents or askers breaks it. The order of the tests is fixed before the
    labels are seen: ``steps`` of the calibration scores at equal distances in rank. Only items
    strictly above a threshold are counted, because the item that set it is no fresh draw.

    The promise is about all items to come; in a batch of a hundred answers the share that is wrong
    strays from it by chance, which a smaller ``doubt`` makes room for.
    """
    promise = promise or Promise()
    sure, bad = _checked(scores, wrong)
    order = np.sort(sure)[::-1]
    best: Threshold = Threshold(None, promise, len(sure), 0, 0)
    for score in _sequence(order, promise, steps):
        answered = sure > score
        count, errors = int(answered.sum()), int(bad[answered].sum())
        if reference.binom.cdf(errors, count, promise.error) > promise.doubt:
            break
        best = Threshold(float(score), promise, len(sure), count, errors)
    return best


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
    fewest = math.ceil(math.log(promise.doubt) / math.log1p(-promise.error))
    if fewest >= len(order):
        return []  # not even a flawless record would be proof
    # Room for some errors at the first test: one wrong answer at the very top must not end it.
    first = min(len(order) - 1, 2 * fewest)
    counts = np.unique(np.linspace(first, len(order) - 1, steps).round().astype(int))
    return [float(order[count]) for count in counts]
