"""How likely it is that a question needs the store at all (dynamic grounding)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metier.protocols import LanguageModel
from metier.retrieval.abstain import Confidence, fit_confidence
from metier.types import Hit, Message


@dataclass(frozen=True, slots=True)
class Need:
    """Whether to look a question up, from a model fitted to questions of known need."""

    model: Confidence
    threshold: float = 0.3
    """As Gemini's dynamic threshold: 0 looks everything up, 1 nothing but the surest."""

    def probability(self, question: str, hits: Sequence[Hit], *, alone: float = 0.0) -> float:
        """That the store helps with the question, 0 to 1."""
        return self.model.score(need_features(question, hits, alone=alone))

    def needed(self, question: str, hits: Sequence[Hit], *, alone: float = 0.0) -> bool:
        """Whether to ground the answer: its probability is at or above the threshold."""
        return self.probability(question, hits, alone=alone) >= self.threshold


def need_features(question: str, hits: Sequence[Hit], *, alone: float = 0.0) -> dict[str, float]:
    """What the need is judged from; searching costs milliseconds, so it has been done.

    ``alone`` is the model's own mean log-likelihood a token of its answer without passages.
    """
    scores = [hit.score for hit in hits]
    top = scores[0] if scores else 0.0
    return {
        "top": top,
        "margin": top - scores[1] if len(scores) > 1 else top,
        "spread": float(np.std(scores)) if scores else 0.0,
        "agreement": float(bool(hits) and set(hits[0].ranks.values()) == {1}),
        "words": float(np.log1p(len(question.split()))),
        "alone": alone,
    }


def own_likelihood(model: LanguageModel, question: str, answer: str) -> float:
    """Mean natural-log likelihood a token of the answer when the model has only the question."""
    asked = (Message("user", question),)
    return model.loglikelihood([(asked, answer)])[0] / max(1, model.count_tokens(answer))


def fit_need(
    questions: Sequence[str],
    found: Sequence[Sequence[Hit]],
    needed: Sequence[bool],
    *,
    alone: Sequence[float] | None = None,
    threshold: float = 0.3,
) -> Need:
    """Fit to development questions: was the grounded answer right where the model alone was not?"""
    own = alone or [0.0] * len(questions)
    rows = [
        need_features(question, hits, alone=one)
        for question, hits, one in zip(questions, found, own, strict=True)
    ]
    return Need(fit_confidence(rows, list(needed)), threshold)
