"""Intervals, paired tests and sample sizes, so that no number of metier travels alone."""

from metier.stats.classification import (
    calibration_error,
    label_codes,
    macro_f1,
)
from metier.stats.intervals import bootstrap, mean, proportion, ratio
from metier.stats.paired import (
    PairedDifference,
    StatisticDifference,
    detectable_difference,
    holm,
    items_needed,
    paired_difference,
    paired_statistic,
)

__all__ = [
    "PairedDifference",
    "StatisticDifference",
    "bootstrap",
    "calibration_error",
    "detectable_difference",
    "holm",
    "items_needed",
    "label_codes",
    "macro_f1",
    "mean",
    "paired_difference",
    "paired_statistic",
    "proportion",
    "ratio",
]
