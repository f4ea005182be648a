"""What a classifier is measured by: macro-F1 and how far its confidence can be trusted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metier.stats.intervals import (
    CONFIDENCE,
    Array,
    batches,
    cluster_rows,
    series,
    tails,
    unvaried,
)
from metier.types import Estimate

FEWEST_IN_A_BIN = 10
"""With fewer items chance alone is a gap of 0.15 and more: of 54 items in 15 bins one interval in
four lay above the true error."""


def label_codes(texts: Sequence[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """The position of each text among the labels; -1 where it is none of them."""
    codes = {label: code for code, label in enumerate(labels)}
    return np.array([codes.get(text, -1) for text in texts], dtype=np.int64)


def macro_f1(predictions: Array, targets: Array) -> Array:
    """Mean F1 over the labels that occur, of label codes >= 0 in shape (..., items).

    Equals scikit-learn's macro average over those labels. A prediction of -1 is off the list of
    labels: it misses its target and belongs to no label.
    """
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    labels = int(max(predictions.max(), targets.max())) + 1
    hits = _counts(np.where(predictions == targets, targets, -1), labels)
    said = _counts(predictions, labels)
    meant = _counts(targets, labels)
    occurs = (said + meant) > 0
    f1 = 2 * hits / np.where(occurs, said + meant, 1)
    return np.asarray(f1.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1))


def calibration_error(
    confidences: ArrayLike,
    correct: ArrayLike,
    *,
    seed: int,
    clusters: Sequence[Hashable] | None = None,
    bins: int = 15,
    resamples: int = 2000,
) -> Estimate:
    """Expected calibration error over bins of equal mass (Nguyen and O'Connor 2015).

    Of fewer than 150 items the bins are fewer too, so that each has ten. What has the same
    confidence is judged together, so the order of the items does not count.
    The estimate is too high by chance differences within bins, and a resample adds the same bias
    once more. So the interval's high end is moved down by the bias, and its low end by twice that;
    it reaches 0 when a perfectly calibrated model would show an error like this (consistency
    resampling, Bröcker and Smith 2007). With ``clusters`` whole clusters are drawn.
    """
    sure, right = series(confidences), series(correct)
    value = float(_binned_gap(sure, right, bins))
    if len(sure) == 1:
        return Estimate(value, 0.0, 1.0, 1)
    generator = np.random.default_rng(seed)
    drawn: list[Array] = []
    perfect: list[Array] = []
    for rows in _drawn(len(sure), clusters, resamples, generator):
        drawn.append(_binned_gap(sure[rows], right[rows], bins))
        perfect.append(_binned_gap(sure[rows], generator.random(rows.shape) < sure[rows], bins))
    errors = np.hstack(drawn)
    if np.ptp(errors) < 1e-12:
        groups = len(sure) if clusters is None else len(set(clusters))
        return replace(unvaried(value, groups, (0.0, 1.0)), n=len(sure))
    bias = max(0.0, float(np.median(errors)) - value)
    low, high = np.quantile(errors, tails())
    if value <= np.quantile(np.hstack(perfect), CONFIDENCE):
        low = 0.0
    return Estimate(
        value, min(value, max(0.0, low - 2 * bias)), max(value, min(1.0, high - bias)), len(sure)
    )


def _drawn(
    items: int,
    clusters: Sequence[Hashable] | None,
    resamples: int,
    generator: np.random.Generator,
) -> Iterator[Array]:
    """Positions of the resampled items: many resamples at once where all have as many."""
    if clusters is not None:
        yield from cluster_rows(clusters, resamples, generator)
        return
    for size in batches(resamples, items):
        yield generator.integers(0, items, (size, items))


def _counts(codes: Array, labels: int) -> Array:
    """How often each code occurs along the last axis; -1 is not counted."""
    flat = codes.reshape(-1, codes.shape[-1])
    shifted = (flat + 1) + (labels + 1) * np.arange(len(flat))[:, None]
    counted = np.bincount(shifted.ravel(), minlength=len(flat) * (labels + 1))
    return counted.reshape(*codes.shape[:-1], labels + 1)[..., 1:]


def _binned_gap(sure: Array, right: Array, bins: int) -> Array:
    order = np.argsort(sure, axis=-1, kind="stable")
    ranked = np.take_along_axis(sure, order, axis=-1)
    gaps = _shared(np.take_along_axis(right, order, axis=-1) - ranked, ranked)
    items = gaps.shape[-1]
    bins = min(bins, max(1, items // FEWEST_IN_A_BIN))
    starts = [part[0] for part in np.array_split(np.arange(items), bins)]
    return np.asarray(np.abs(np.add.reduceat(gaps, starts, axis=-1)).sum(axis=-1) / items)


def _shared(gaps: Array, ranked: Array) -> Array:
    """Each gap as the mean of those with the same confidence: else the items' order would count."""
    starts = np.ones(ranked.shape, dtype=bool)
    starts[..., 1:] = ranked[..., 1:] != ranked[..., :-1]
    group = np.cumsum(starts) - 1
    means = np.bincount(group, weights=gaps.ravel()) / np.bincount(group)
    return np.asarray(means[group].reshape(gaps.shape))
