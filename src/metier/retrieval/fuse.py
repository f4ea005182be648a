"""Two searches joined into one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def joined_scores(
    likeness: Sequence[float], words: Sequence[float | None], *, vector_weight: float
) -> NDArray[np.float64]:
    """One score for each candidate of one question; larger is better.

    ``likeness`` is the cosine with the question, known for all; ``words`` is BM25's score, None
    for what its list does not hold. Both are scaled to at most 1 by their best and from the least
    that they can be, 0, which does not depend on how many candidates there are (Bruch et al.
    2023 found this steadier than reciprocal ranks, and it has one weight to learn).
    """
    import numpy as np

    cosine = np.maximum(np.asarray(likeness, dtype=np.float64), 0.0)
    counted = np.array([0.0 if score is None else score for score in words], dtype=np.float64)
    for scores in (cosine, counted):
        best = scores.max(initial=0.0)
        if best > 0:
            scores /= best
    joined: NDArray[np.float64] = vector_weight * cosine + (1 - vector_weight) * counted
    return joined
