"""Judges whether a passage says what a claim says, without a language model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from metier.protocols import Embedder
from metier.retrieval.claims import Claim, parse_claim
from metier.retrieval.features import Comparison, compare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Weights = Mapping[str, Mapping[str, float]]
"""For each kind of claim, the weight of each feature in log odds, and ``intercept``."""


class TextChecker:
    """Compares words, numbers, names, negations and meaning; a logistic model weighs them.

    A claim is a statement, or a question with its short answer behind it (``as_claim``). The
    weights were fitted by ``python -m benchmarks.support``, whose result says how often it errs.
    """

    def __init__(self, embedder: Embedder | None = None, *, weights: Weights | None = None) -> None:
        """With an embedder, likeness of meaning counts too; ``weights`` replaces our own."""
        self._embedder = embedder
        self._weights = weights or load_weights()

    @property
    def name(self) -> str:
        """``text``, with the embedder's name behind a plus."""
        return f"text+{self._embedder.name}" if self._embedder else "text"

    def support(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """For each (claim, passage): the calibrated probability that the passage supports it."""
        claims = [parse_claim(claim) for claim, _ in batch]
        rows = features_of(claims, [passage for _, passage in batch], self._embedder)
        return [
            probability(self._weights[self._model(claim)], row) if row else 0.0
            for claim, row in zip(claims, rows, strict=True)
        ]

    def _model(self, claim: Claim) -> str:
        return claim.kind if self._embedder else f"{claim.kind}_words"


def features_of(
    claims: Sequence[Claim], passages: Sequence[str], embedder: Embedder | None
) -> list[dict[str, float]]:
    """What the logistic model weighs, for each claim beside its passage; empty for nothing."""
    compared = [compare(claim, passage) for claim, passage in zip(claims, passages, strict=True)]
    rows = [dict(comparison.features) for comparison in compared]
    if embedder is None:
        return rows
    vectors = _vectors(embedder, claims, passages, compared)
    for claim, passage, comparison, row in zip(claims, passages, compared, rows, strict=True):
        if row:
            said = vectors[_meaning(claim)]
            row["likeness"] = float(said @ vectors[passage[comparison.start : comparison.end]])
    return rows


def probability(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    """The logistic function of the weighted sum."""
    odds = weights["intercept"] + sum(weights[name] * value for name, value in features.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def load_weights() -> Weights:
    """The weights that come with the package."""
    text = files("metier.retrieval").joinpath("support_weights.json").read_text("utf-8")
    weights: Weights = json.loads(text)["weights"]
    return weights


def _vectors(
    embedder: Embedder,
    claims: Sequence[Claim],
    passages: Sequence[str],
    compared: Sequence[Comparison],
) -> dict[str, NDArray[np.float32]]:
    texts = {_meaning(claim) for claim in claims}
    for passage, one in zip(passages, compared, strict=True):
        texts.add(passage[one.start : one.end])
    wanted = sorted(texts)
    return dict(zip(wanted, embedder.embed(wanted), strict=True)) if wanted else {}


def _meaning(claim: Claim) -> str:
    return f"{claim.question} {claim.text}".strip()
