"""Whether the promised error rate of answering holds when half of the evidence is missing.

``python -m benchmarks.abstain`` takes half of the paragraphs out of the store, chosen by chance,
and asks all questions: 1,190 of SQuAD, on which the procedure was worked out, then, with nothing
changed, 1,700 of BoolQ (what people asked a search engine) and 440 of SciQ, which nobody had looked
at before (``boolq.`` and ``sciq.`` before their figures). To answer is to
cite the best passage; it is an error when the paragraph is gone, or when another one is cited. In
each of 100 resplits, paragraphs go whole, with all their questions, into three parts: 20 % fit the
confidence, 40 % set the threshold, 40 % are tested. ``by_article`` has the same with whole articles
(in SQuAD 48, of five paragraphs each) in one part.

    held_of_100         resplits in which the tested share of wrong answers is within the promise
    coverage_at_bound   share of the test questions that are answered, mean over the resplits
    coverage_of_able    the same among questions whose paragraph is there
    risk_coverage       wrong answers at rising coverage, over the test parts of all resplits

The promise is Learn then Test's: with probability 1 - ``doubt`` over the calibration items, at most
``error`` of the answers to come are wrong; questions of one paragraph (one article) err together,
so these are its groups. The tested share is that of some 200 answers, which strays by chance;
``doubt`` 0.01 makes more room for it. Figures without a doubt in their name are those of 0.05.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.grounding_data import Asked, Question, boolq, sciq, search, squad
from benchmarks.recording import record
from metier.retrieval.grounding.abstain import (
    Confidence,
    Promise,
    fit_confidence,
    risk_curve,
    set_threshold,
)
from metier.retrieval.grounding.claims import Claim
from metier.retrieval.grounding.features import compare
from metier.types import Hit, Json

ERROR = 0.1
RESPLITS = 100
SETS = {"squad": squad, "boolq": boolq, "sciq": sciq}
HALVED = {"squad": "halved", "boolq": "boolq_halved", "sciq": "sciq_halved"}


def main() -> None:
    """Search with half of the paragraphs, resplit, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/grounding"))
    options = parser.parse_args()
    figures: dict[str, Json] = {}
    notes: dict[str, Json] = {"about": __doc__, "error": ERROR}
    for name, load in SETS.items():
        found, told = measure(load(options.data, options.work), options.work / HALVED[name])
        prefix = "" if name == "squad" else f"{name}."
        figures |= {f"{prefix}{key}": value for key, value in found.items()}
        notes[name] = told
    record("abstain", figures, notes=notes)


def measure(asked: Asked, folder: Path) -> tuple[dict[str, Json], dict[str, Json]]:
    """Figures of one set, and how hard it is."""
    names = sorted(asked.documents)
    gone = frozenset(random.Random(0).sample(names, len(names) // 2))
    hits = search(asked.questions, asked.documents, folder, without=gone)
    items = [
        Item(
            article=question.article,
            paragraph=question.document,
            able=question.document not in gone,
            wrong=not found or found[0].chunk.source.document != question.document,
            features=features(question, found),
        )
        for question, found in zip(asked.questions, hits, strict=True)
    ]
    figures: dict[str, Json] = {}
    for name, unit in (("", by_paragraph), ("by_article.", by_article)):
        for doubt in (0.05, 0.01):
            measured = resplits(items, Promise(ERROR, doubt), unit)
            figures |= {f"{name}doubt_{doubt}.{key}": value for key, value in measured.items()}
    figures |= {
        name: figures[f"doubt_0.05.{name}"]
        for name in ("held_of_100", "coverage_at_bound", "coverage_of_able", "risk_coverage")
    }
    wrong = sum(item.wrong for item in items)
    return figures, {
        "questions": len(items),
        "paragraphs_gone": len(gone),
        "wrong_if_all_answered": wrong / len(items),
        "answerable": sum(item.able for item in items) / len(items),
    }


@dataclass(frozen=True, slots=True)
class Item:
    """A question, and what became of it."""

    article: str
    paragraph: str
    able: bool
    wrong: bool
    features: dict[str, float]


def features(question: Question, hits: Sequence[Hit]) -> dict[str, float]:
    """What is known when the passages are found: their scores, and how much of the question each
    says. Neither the answer nor whether the paragraph is gone."""
    scores = [hit.score for hit in hits]
    claim = Claim("statement", "", question.text)
    said = [compare(claim, hit.chunk.text).features for hit in hits]
    best, second = said[0], said[1]
    return {
        "top": scores[0],
        "margin": scores[0] - scores[1],
        "spread": scores[0] - float(np.mean(scores[1:])),
        "agreement": float(set(hits[0].ranks.values()) == {1}),
        "length": math.log1p(len(question.text.split())),
        "cover_lead": best["cover"] - second["cover"],
        **{name: best[name] for name in ("cover", "cover_near", "cover_best", "names_missing")},
        "numbers_missing": best["numbers_missing"],
        "pairs": best["pairs"],
    }


def by_paragraph(item: Item) -> str:
    """Paragraphs are the documents of this store."""
    return item.paragraph


def by_article(item: Item) -> str:
    """Paragraphs of one article in one part."""
    return item.article


def resplits(
    items: Sequence[Item], promise: Promise, unit: Callable[[Item], str]
) -> dict[str, Json]:
    """Fit, calibrate and test a hundred times on disjoint units."""
    held = 0
    coverages: list[float] = []
    able: list[float] = []
    risks: list[float] = []
    curves: list[list[float]] = []
    for seed in range(RESPLITS):
        fit, calibration, test = _parts(items, unit, seed)
        model = fit_confidence([one.features for one in fit], [not one.wrong for one in fit])

        threshold = set_threshold(
            _scores(model, calibration),
            [one.wrong for one in calibration],
            promise=promise,
            groups=[unit(one) for one in calibration],
        )
        sure = _scores(model, test)
        answered = np.array([threshold.answers(score) for score in sure])
        wrong = np.array([one.wrong for one in test])
        there = np.array([one.able for one in test])
        risk = float(wrong[answered].mean()) if answered.any() else 0.0
        held += risk <= promise.error
        risks.append(risk)
        coverages.append(float(answered.mean()))
        able.append(float(answered[there].mean()))
        curves.append([point.risk.value for point in risk_curve(sure, wrong, points=10)])
    shown = [[round((step + 1) / 10, 1), round(float(np.mean(column)), 4)]
             for step, column in enumerate(zip(*curves, strict=True))]  # fmt: skip
    return {
        "held_of_100": held,
        "coverage_at_bound": _over_resplits(coverages),
        "coverage_of_able": round(float(np.mean(able)), 4),
        "risk_mean": round(float(np.mean(risks)), 4),
        "risk_largest": round(max(risks), 4),
        "risk_coverage": shown,
    }


def _over_resplits(values: Sequence[float]) -> dict[str, Json]:
    """The mean, and between which bounds 95 of 100 resplits were: they share their questions, so
    it is no interval for other questions."""
    low, high = np.quantile(values, (0.025, 0.975))
    return {
        "value": round(float(np.mean(values)), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def _scores(model: Confidence, part: Sequence[Item]) -> NDArray[np.float64]:
    return np.array([model.score(one.features) for one in part])


def _parts(
    items: Sequence[Item], unit: Callable[[Item], str], seed: int
) -> tuple[list[Item], list[Item], list[Item]]:
    names = sorted({unit(item) for item in items})
    # Another stream than the one that chose the missing paragraphs, or seed 0 would find them all.
    random.Random(f"resplit {seed}").shuffle(names)
    first, second = len(names) // 5, 3 * len(names) // 5
    bounds = (set(names[:first]), set(names[first:second]), set(names[second:]))
    fit, calibration, test = ([one for one in items if unit(one) in part] for part in bounds)
    return fit, calibration, test


if __name__ == "__main__":
    main()
