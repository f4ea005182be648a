"""How likely it is that a question needs the store at all (dynamic grounding)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.retrieval.grounding.abstain import Confidence, fit_confidence
from metier.types import Hit


@dataclass(frozen=True, slots=True)
class Need:
    """Whether to look a question up, from a model fitted to questions of known need."""

    model: Confidence
    threshold: float = 0.3
    """As Gemini's dynamic threshold: 0 looks everything up, 1 nothing but the surest."""

    def probability(self, question: str, hits: Sequence[Hit]) -> float:
        """That the store helps with the question, 0 to 1."""
        return self.model.score(need_features(question, hits))

    def needed(self, question: str, hits: Sequence[Hit]) -> bool:
        """Whether to ground the answer: its probability is at or above the threshold."""
        return self.probability(question, hits) >= self.threshold


def need_features(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """What the need is judged from; searching costs milliseconds, so it has been done."""
    scores = [hit.score for hit in hits]
    top = scores[0] if scores else 0.0
    return {
        "top": top,
        "margin": top - scores[1] if len(scores) > 1 else top,
        "spread": float(np.std(scores)) if scores else 0.0,
        "agreement": float(bool(hits) and set(hits[0].ranks.values()) == {1}),
        "words": float(np.log1p(len(question.split()))),
    }


def fit_need(
    questions: Sequence[str],
    found: Sequence[Sequence[Hit]],
    needed: Sequence[bool],
    *,
    threshold: float = 0.3,
) -> Need:
    """Fit to development questions: was the grounded answer right where the model alone was not?"""
    rows = [need_features(question, hits) for question, hits in zip(questions, found, strict=True)]
    return Need(fit_confidence(rows, list(needed)), threshold)
