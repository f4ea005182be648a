"""Intervals, paired tests and sample sizes, so that no number of metier travels alone."""

from metier.stats.classification import (
    calibration_error,
    label_codes,
    macro_f1,
)
from metier.stats.intervals import bootstrap, mean, proportion, ratio
from metier.stats.paired import (
    PairedDifference,
    detectable_difference,
    holm,
    items_needed,
    paired_difference,
)

__all__ = [
    "PairedDifference",
    "bootstrap",
    "calibration_error",
    "detectable_difference",
    "holm",
    "items_needed",
    "label_codes",
    "macro_f1",
    "mean",
    "paired_difference",
    "proportion",
    "ratio",
]
