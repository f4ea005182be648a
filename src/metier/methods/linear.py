"""Multinomial logistic regression with calibrated probabilities, kept as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import DataError
from metier.methods.files import read_arrays, write_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = Any
    """Features, dense or scipy sparse; shape (texts, features)."""

FILE = "linear.npz"

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Inverse regularisation, from strong to weak; for rows of length 1 the best lies inside."""

_FOLDS = 5
_NEVER = -30.0  # the logit of a label without training rows: possible, never chosen


@dataclass(frozen=True, slots=True)
class Linear:
    """Logits are ``features @ weights.T + bias``; probabilities their softmax after cooling."""

    weights: NDArray[np.float32]
    """Shape (labels, features)."""
    bias: NDArray[np.float32]
    """Shape (labels,)."""
    temperature: float = 1.0

    def probabilities(self, features: Matrix) -> NDArray[np.float64]:
        """Shape (texts, labels), rows sum to 1."""
        return softmax(self.logits(features) / self.temperature)

    def logits(self, features: Matrix) -> NDArray[np.float64]:
        """Shape (texts, labels), before the temperature."""
        import numpy as np

        # In double precision, so that a text's answer does not depend on the batch around it.
        scores: NDArray[np.float64] = features @ self.weights.T.astype(np.float64)
        return scores + self.bias.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Rows:
    """Features with the label of each row, as places in the task's labels."""

    features: Matrix
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trial:
    """One strength and how it did on rows it had not seen."""

    strength: float
    accuracy: float
    log_loss: float
    """Natural log, per row, at the best temperature."""
    temperature: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """The chosen classifier and every strength tried, the chosen one first."""

    linear: Linear
    trials: tuple[Trial, ...]
    unseen: NDArray[np.float64]
    """Probabilities of the rows that the choice was made on, each by a classifier that had not
    seen it: those of ``dev``, or, where that is empty, of ``train`` by cross-validation."""


def fit(train: Rows, dev: Rows, *, labels: int, seed: int) -> Fitted:
    """Fit at every strength, choose on ``dev``, or by cross-validation in ``train`` if it is empty.

    The choice is by log loss, not accuracy: with a few dozen dev rows per label accuracy moves in
    steps wider than the differences between strengths. Raises ``DataError`` for fewer than two
    labels in ``train``.
    """
    import numpy as np

    if len(np.unique(train.labels)) < 2:
        raise DataError(
            "all training rows have the same label, so there is nothing to tell apart; "
            "add rows of another label"
        )
    basis = _span(train.features)
    if basis is None:
        inputs, unseen = train, dev
    else:
        inputs = Rows(basis.coordinates, train.labels)
        unseen = Rows(basis.project(dev.features), dev.labels) if len(dev.labels) else dev
    tried = []
    for strength in STRENGTHS:
        logits, gold = _unseen(inputs, unseen, strength, labels=labels, seed=seed)
        temperature = best_temperature(logits, gold)
        accuracy = float((logits.argmax(axis=1) == gold).mean())
        probabilities = softmax(logits / temperature)
        loss = log_loss(probabilities, gold)
        tried.append((Trial(strength, accuracy, loss, temperature), probabilities))
    tried.sort(key=lambda pair: pair[0].log_loss)
    chosen, probabilities = tried[0]
    fitted = _regress(inputs, chosen.strength, labels)
    weights = fitted.weights if basis is None else basis.lift(fitted.weights)
    linear = Linear(weights.astype(np.float32), fitted.bias, chosen.temperature)
    return Fitted(linear, tuple(trial for trial, _ in tried), probabilities)


def _unseen(
    train: Rows, dev: Rows, strength: float, *, labels: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits of rows by a classifier that did not see them, and their labels."""
    import numpy as np

    if len(dev.labels):
        return _regress(train, strength, labels).logits(dev.features), dev.labels
    places = np.random.default_rng(seed).permutation(len(train.labels))
    # Stratified: each label's rows go round the folds in turn.
    fold = np.empty(len(places), dtype=np.int64)
    fold[places[np.argsort(train.labels[places], kind="stable")]] = np.arange(len(places)) % _FOLDS
    logits = np.full((len(places), labels), 0.0)
    for held_out in range(min(_FOLDS, len(places))):
        rest, out = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        if len(np.unique(train.labels[rest])) < 2:
            continue  # too few rows to learn without these: they keep equal logits
        part = Rows(train.features[rest], train.labels[rest])
        logits[out] = _regress(part, strength, labels).logits(train.features[out])
    return logits, train.labels


def _regress(rows: Rows, strength: float, labels: int) -> Linear:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=strength, max_iter=2000).fit(rows.features, rows.labels)
    weights = np.zeros((labels, rows.features.shape[1]), dtype=np.float32)
    bias = np.full(labels, _NEVER, dtype=np.float32)
    if len(found.classes_) == 2:  # scikit-learn keeps one row for two classes
        weights[found.classes_[1]] = found.coef_[0]
        bias[found.classes_] = (0.0, found.intercept_[0])
    else:
        weights[found.classes_] = found.coef_
        bias[found.classes_] = found.intercept_
    return Linear(weights, bias)


@dataclass(frozen=True, slots=True)
class _Span:
    """An orthonormal basis of the space that the training rows span.

    With fewer rows than features the optimum lies in that space, so it can be found in its
    coordinates: the same classifier, and fewer of them.
    """

    features: Matrix
    coordinates: NDArray[np.float64]
    """Shape (rows, dimensions)."""
    combination: NDArray[np.float64]
    """Shape (rows, dimensions): each direction as a sum of rows."""

    def project(self, features: Matrix) -> NDArray[np.float64]:
        """Other texts' coordinates; what lies outside the space has weight 0 in any case."""
        return _dense(features @ self.features.T) @ self.combination

    def lift(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weights on the coordinates as weights on the features."""
        lifted: NDArray[np.float64] = (self.features.T @ (self.combination @ weights.T)).T
        return lifted


def _span(features: Matrix) -> _Span | None:
    """The basis from the rows' inner products; None where it would save nothing."""
    import numpy as np

    if features.shape[0] >= features.shape[1]:
        return None
    values, vectors = np.linalg.eigh(_dense(features @ features.T))
    kept = values > 1e-10 * values[-1]
    scale, directions = np.sqrt(values[kept]), vectors[:, kept]
    return _Span(features, directions * scale, directions / scale)


def _dense(matrix: Matrix) -> NDArray[np.float64]:
    import numpy as np

    plain = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return np.asarray(plain, dtype=np.float64)


def best_temperature(logits: NDArray[np.float64], gold: NDArray[np.int64]) -> float:
    """The divisor of the logits with the least log loss (Guo et al. 2017), within 1/100 to 100.

    One row more is counted, whose label is any of those met: rows that are all classified rightly
    would ask for certainty, however few they are.
    """
    from math import exp, log

    import numpy as np
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    met, doubt = np.unique(gold), 1 / (len(gold) + 1)

    def loss(power: float) -> float:
        logs = log_softmax(logits / exp(power), axis=1)
        right = logs[np.arange(len(gold)), gold].mean()
        return -float((1 - doubt) * right + doubt * logs[:, met].mean())

    found = minimize_scalar(loss, bounds=(-log(100), log(100)), method="bounded")
    return float(exp(found.x))


def log_loss(probabilities: NDArray[np.float64], gold: NDArray[np.int64]) -> float:
    """Mean negative natural log of the right labels' probabilities, each at least 1e-12."""
    import numpy as np

    right = probabilities[np.arange(len(gold)), gold]
    return float(-np.log(np.maximum(right, 1e-12)).mean())


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn each row of logits into probabilities."""
    import numpy as np

    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = exponents / exponents.sum(axis=1, keepdims=True)
    return shares


def save(linear: Linear, directory: Path) -> None:
    """Write ``linear.npz``."""
    import numpy as np

    temperature = np.array(linear.temperature)
    arrays = {"weights": linear.weights, "bias": linear.bias, "temperature": temperature}
    write_arrays(directory / FILE, arrays)


def read(directory: Path) -> Linear:
    """Read what ``save`` wrote; ``ModelFileError`` when it is missing or damaged."""
    stored = read_arrays(directory / FILE, ("weights", "bias", "temperature"))
    return Linear(stored["weights"], stored["bias"], float(stored["temperature"]))
