"""Judges whether a passage says what a claim says, without a language model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from metier.retrieval.grounding.claims import Claim, parse_claim
from metier.retrieval.grounding.features import compare

Weights = Mapping[str, Mapping[str, float]]
"""For each kind of claim, the weight of each feature in log odds, and ``intercept``."""


class TextChecker:
    """Compares words, numbers, names, negations and order; a logistic model weighs them.

    A claim is a statement, or a question with its short answer behind it (``as_claim``). The
    weights were fitted by ``python -m benchmarks.support``, whose result says how often it errs.
    """

    def __init__(self, *, weights: Weights | None = None) -> None:
        """``weights`` replaces those that come with the package."""
        self._weights = weights or load_weights()

    @property
    def name(self) -> str:
        """``text``."""
        return "text"

    def support(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """For each (claim, passage): the calibrated probability that the passage supports it.

        0 where there is no claim or no passage.
        """
        return [self._one(parse_claim(claim), passage) for claim, passage in batch]

    def _one(self, claim: Claim, passage: str) -> float:
        found = compare(claim, passage).features
        return probability(self._weights[claim.kind], found) if found else 0.0


def probability(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    """The logistic function of the weighted sum."""
    odds = weights["intercept"] + sum(weights[name] * value for name, value in features.items())
    return logistic(odds)


def logistic(odds: float) -> float:
    """The probability of these log odds."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def log_odds(probability: float) -> float:
    """The other way round; certainty is worth about nine."""
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))


@cache
def load_weights() -> Weights:
    """The weights that come with the package."""
    text = files("metier.retrieval.grounding").joinpath("support_weights.json").read_text("utf-8")
    weights: Weights = json.loads(text)["weights"]
    return weights
