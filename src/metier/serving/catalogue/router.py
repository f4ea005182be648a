"""Tells whose question a question is: a specialist's, or nobody's and so the generalist's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.methods import linear
from metier.stats import proportion
from metier.types import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAREST = 3
"""A question's likeness to a specialist's is its mean cosine with this many of them."""
LOST = 0.1
"""Of the specialists' own questions, this share may go to the generalist. On six trades and 150
strange questions, 0.1 let 6 % of the strange ones through to a specialist and 0.05 19 %."""
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Route:
    """Where a question goes, and how surely."""

    model: str
    nearest: str
    """The likeliest specialist; not ``model`` where the router abstains."""
    probability: float
    """That a question which is some specialist's or a general one is the nearest's."""
    confidence: float
    """``probability`` times the likeness to the nearest's own questions."""
    threshold: float
    """The router abstains below this confidence."""


@dataclass(frozen=True, slots=True)
class Check:
    """What became of questions that the classifier had not seen."""

    kept: Estimate
    """Share of the specialists' questions that reached a specialist."""
    right: Estimate
    """Of these, the share that reached their own."""
    strange: Estimate
    """Share of the general questions that reached a specialist."""


@dataclass(frozen=True, slots=True)
class Router:
    """A calibrated classifier over specialists and "none of them", with a threshold."""

    specialists: tuple[str, ...]
    generalist: str
    classifier: linear.Linear
    known: tuple[NDArray[np.float32], ...]
    """Each specialist's questions as unit vectors; shape (questions, dimensions) each."""
    threshold: float
    check: Check

    def routes(self, vectors: NDArray[np.float32]) -> list[Route]:
        """One for each question, given as unit vectors; shape (questions, dimensions)."""
        import numpy as np

        probabilities = self.classifier.probabilities(vectors)
        likeness = np.stack([_likeness(vectors, own) for own in self.known], axis=1)
        nearest, confidence = _confidence(probabilities, likeness)
        return [
            Route(
                self.specialists[place] if sure >= self.threshold else self.generalist,
                self.specialists[place],
                float(row[place]),
                float(sure),
                self.threshold,
            )
            for place, sure, row in zip(nearest, confidence, probabilities, strict=True)
        ]


def fit_router(
    questions: Mapping[str, NDArray[np.float32]],
    general: NDArray[np.float32],
    *,
    generalist: str,
    lost: float = LOST,
    seed: int = 0,
) -> Router:
    """Fit to each specialist's questions and to general ones, all as unit vectors.

    The classifier alone is as sure of a question far from all others as of one among them, so its
    probability is multiplied with the likeness to the nearest specialist's questions: the distance
    to the nearest neighbours tells what is strange (Sun et al. 2022). Thresholds on the product
    beat those on either factor. The threshold is the ``lost`` quantile of the specialists' own
    questions, each judged by a classifier and neighbours that it was no part of.

    Raises ``DataError`` for a specialist with fewer than ten questions.
    """
    import numpy as np

    for name, vectors in questions.items():
        if len(vectors) < FEWEST:
            raise DataError(
                f"{name!r} has {len(vectors)} example questions, and routing needs {FEWEST}; "
                "add some to its questions.json"
            )
    names, known = tuple(questions), tuple(questions.values())
    rows = np.concatenate([*known, general])
    owners = np.repeat(np.arange(len(known) + 1), [*map(len, known), len(general)])
    nobody = linear.Rows(None, np.zeros(0, dtype=np.int64))
    fitted = linear.fit(linear.Rows(rows, owners), nobody, labels=len(known) + 1, seed=seed)
    likeness = np.stack(
        [_likeness(rows, own, owners == place) for place, own in enumerate(known)], axis=1
    )
    nearest, confidence = _confidence(fitted.unseen, likeness)
    ours = owners < len(known)
    threshold = float(np.quantile(confidence[ours], lost))
    sure = confidence >= threshold
    check = Check(
        proportion(int(sure[ours].sum()), int(ours.sum())),
        proportion(int((sure & (nearest == owners)).sum()), int(sure[ours].sum())),
        proportion(int(sure[~ours].sum()), int((~ours).sum())),
    )
    return Router(names, generalist, fitted.linear, known, threshold, check)


def _likeness(
    vectors: NDArray[np.float32],
    own: NDArray[np.float32],
    themselves: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Mean cosine with the nearest of ``own``; rows marked as ``themselves`` are these, in order,
    and do not count as their own neighbours."""
    import numpy as np

    cosines = vectors @ own.T
    if themselves is not None:
        cosines[np.flatnonzero(themselves), np.arange(len(own))] = -1.0
    nearest: NDArray[np.float32] = np.sort(cosines, axis=1)[:, -NEAREST:].mean(axis=1)
    return nearest


def _confidence(
    probabilities: NDArray[np.float64], likeness: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The likeliest specialist of each row and the confidence in it; the last label is nobody's."""
    import numpy as np

    nearest = probabilities[:, :-1].argmax(axis=1)
    rows = np.arange(len(nearest))
    return nearest, probabilities[rows, nearest] * np.maximum(likeness[rows, nearest], 0.0)
