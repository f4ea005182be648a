"""Several searches joined into one order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def joined_scores(
    parts: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float]
) -> NDArray[np.float64]:
    """One score for each candidate of one question; larger is better.

    Each part scores all candidates (shape (candidates,)); its scores are taken as distances from
    their mean in standard deviations, which makes cosines and BM25 comparable. Reciprocal ranks
    would throw away how sure a part is of its best, and with that 6 points on MedQuAD. What is
    below a part's mean counts as the mean: a part may commend a passage, not forbid it.
    """
    import numpy as np

    count = len(next(iter(parts.values())))
    joined = np.zeros(count)
    for part, scores in parts.items():
        spread = float(scores.std()) if count else 0.0
        if spread > 0:
            joined += weights[part] * np.maximum(0.0, (scores - scores.mean()) / spread)
    return joined
