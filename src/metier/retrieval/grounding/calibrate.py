"""Makes the confidence of citations mean what it says, for one's own documents and questions."""

from __future__ import annotations

from collections.abc import Sequence

from metier.errors import DataError
from metier.retrieval.grounding.support import log_odds, logistic
from metier.types import Calibration

_LEAST = 30  # claims; two numbers from fewer say little


def fit_calibration(confidences: Sequence[float], right: Sequence[bool]) -> Calibration:
    """Platt's scaling of confidences, fitted to claims of which one knows whether they hold.

    The checker is calibrated on claims of which half are false in ways that are hard to see; where
    claims are paraphrased or errors are coarse, it is too timid. Raises ``DataError`` for fewer
    than 30 claims, or when all are right or all wrong.
    """
    if len(confidences) < _LEAST or len(set(right)) < 2:
        raise DataError(
            f"{len(confidences)} claims, of them {sum(right)} right, calibrate no confidence; "
            f"give at least {_LEAST}, right ones and wrong ones"
        )
    from sklearn.linear_model import LogisticRegression

    odds = [[log_odds(one)] for one in confidences]
    fitted = LogisticRegression(C=1e6).fit(odds, list(right))
    return Calibration(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def calibrated(confidence: float, calibration: Calibration | None) -> float:
    """The confidence as it is shown; the checker's own without a calibration."""
    if calibration is None:
        return confidence
    return logistic(calibration.slope * log_odds(confidence) + calibration.shift)
