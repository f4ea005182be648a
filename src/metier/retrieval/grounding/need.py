"""How likely it is that a question needs the store at all (dynamic grounding)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metier.errors import DataError
from metier.retrieval.grounding.abstain import Confidence, fit_confidence
from metier.types import Hit

_LEAST = 30
_LEAST_OF_A_KIND = 5


@dataclass(frozen=True, slots=True)
class Need:
    """Whether to look a question up, from a model fitted to questions of known need."""

    model: Confidence
    threshold: float = 0.3
    """As Gemini's dynamic threshold: 0 looks everything up, 1 nothing but the surest."""

    def probability(self, question: str, hits: Sequence[Hit]) -> float:
        """That the store helps with the question, 0 to 1."""
        return self.model.score(need_features(question, hits))


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
    """Fit to development questions: was the grounded answer right where the model alone was not?

    Raises ``DataError`` for fewer than 30 questions or than 5 of each kind, and where the search's
    scores say no more of the need than how often there is one.
    """
    count, kind = len(needed), sum(needed)
    if count < _LEAST or min(kind, count - kind) < _LEAST_OF_A_KIND:
        raise DataError(
            f"{count} questions, {kind} of which needed the documents, do not teach which ones do; "
            f"give at least {_LEAST}, {_LEAST_OF_A_KIND} of each kind"
        )
    rows = [need_features(question, hits) for question, hits in zip(questions, found, strict=True)]
    if not _tells(rows, needed):
        raise DataError(
            f"the search's scores tell no better than chance which {kind} of {count} questions "
            "needed the documents; give more questions, or look everything up"
        )
    return Need(fit_confidence(rows, list(needed)), threshold)


def _tells(rows: Sequence[Mapping[str, float]], needed: Sequence[bool]) -> bool:
    """Whether, on questions left out of the fit, the model errs less than the share of needs."""
    from sklearn.model_selection import StratifiedKFold

    truth = np.array(needed, dtype=float)
    parts = StratifiedKFold(_LEAST_OF_A_KIND, shuffle=True, random_state=0)
    lost = 0.0
    for learnt, left in parts.split(truth, truth):
        model = fit_confidence([rows[place] for place in learnt], [needed[p] for p in learnt])
        sure = np.array([model.score(rows[place]) for place in left])
        errors, plain = sure - truth[left], truth[learnt].mean() - truth[left]
        lost += float((errors**2).sum() - (plain**2).sum())
    return lost < 0
