"""Fits the weights of the support checker, and says how often it errs.

``python -m benchmarks.support [--write]`` makes claims from ``--data`` (see ``support_data``),
fits a logistic model to each kind of claim on 60 % of the documents, calibrates its scale on 20 %
and measures on the other 20 %; then on questions of SQuAD's test titles with right and wrong
answers, and on PubMedQA's test part, neither of which it has seen. ``--write`` puts the weights
into the package.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import metier.retrieval.grounding
from benchmarks.recording import record, shown
from benchmarks.support_data import Item, pubmed_items, rows, training_items
from metier.retrieval.grounding.claims import as_claim, parse_claim
from metier.retrieval.grounding.features import compare
from metier.retrieval.grounding.support import Weights, probability
from metier.stats import bootstrap, calibration_error, proportion
from metier.store import write_text
from metier.types import Json, content_hash

KINDS = ("answer", "statement", "polar")
Features = list[dict[str, float]]


def main() -> None:
    """Fit, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    items = training_items(options.data, seed=options.seed)
    strange = {
        "squad": squad_items(options.data, test=True),
        "pubmedqa": pubmed_items(
            rows(options.data / "med_pubmedqa" / "test.jsonl"), random.Random(options.seed)
        ),
    }
    weights, figures = fit(items, seed=options.seed)
    for name, foreign in strange.items():
        figures |= _prefixed(name, measure_kinds(foreign, weights))
    if options.write:
        file = Path(metier.retrieval.grounding.__file__).parent / "support_weights.json"
        kept = {kind: _rounded(one) for kind, one in sorted(weights.items())}
        write_text(file, json.dumps({"weights": kept}, indent=1) + "\n")
    record("support", figures, notes={"weights": weights, **_notes(items)})


def fit(items: Sequence[Item], *, seed: int) -> tuple[dict[str, dict[str, float]], dict[str, Json]]:
    """Weights and test figures for each kind of claim; documents are in one part only."""
    weights: dict[str, dict[str, float]] = {}
    figures: dict[str, Json] = {}
    part = _parts([item.document for item in items], seed)
    for kind in KINDS:
        chosen = [item for item in items if kind_of(item) == kind]
        features, kept = _features(chosen)
        where = np.array([part[item.document] for item in kept])
        right = np.array([item.supported for item in kept])
        one = _fitted(features, right, where)
        weights[kind] = one
        test = [place for place in range(len(kept)) if where[place] == 2]
        sure = [probability(one, features[place]) for place in test]
        figures |= _prefixed(f"own.{kind}", _measured(sure, right[test]))
    return weights, figures


def measure_kinds(items: Sequence[Item], weights: Weights) -> dict[str, Json]:
    """AUC, error and calibration on items, by kind."""
    figures: dict[str, Json] = {}
    for kind in KINDS:
        features, kept = _features([item for item in items if kind_of(item) == kind])
        if kept:
            sure = [probability(weights[kind], row) for row in features]
            right = np.array([item.supported for item in kept])
            figures |= _prefixed(kind, _measured(sure, right))
    return figures


def squad_items(data: Path, *, test: bool) -> list[Item]:
    """Each question with its answer, and with another one's of the same paragraph."""
    questions = [
        row
        for row in rows(data / "general_squad" / "squad_en.jsonl.gz")
        if in_test(row["title"]) == test
    ]
    draw = random.Random(0)
    made = []
    for row in questions:
        question, answer, text = row["question"], row["answers"][0], row["context"]
        made.append(Item(row["title"], "answer", as_claim(question, answer), text, True))
        others = [
            one["answers"][0]
            for one in questions
            if one["context"] == text and one["answers"][0].lower() not in answer.lower()
        ]
        if others:
            claim = as_claim(question, draw.choice(others))
            made.append(Item(row["title"], "answer", claim, text, False))
    return made


def in_test(title: str) -> bool:
    """Whether an article of SQuAD is for the last measurement; features were chosen on others."""
    return int(content_hash(title), 16) % 2 == 0


def kind_of(item: Item) -> str:
    """The model that judges the item."""
    return parse_claim(item.claim).kind


def _features(items: Sequence[Item]) -> tuple[Features, list[Item]]:
    found = [compare(parse_claim(item.claim), item.passage).features for item in items]
    pairs = [(dict(row), item) for row, item in zip(found, items, strict=True) if row]
    return [row for row, _ in pairs], [item for _, item in pairs]


def _fitted(
    features: Features, right: NDArray[np.bool_], where: NDArray[np.int64]
) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression

    names = list(features[0])
    table = np.array([[row[name] for name in names] for row in features])
    model = LogisticRegression(C=1.0, max_iter=5000).fit(table[where == 0], right[where == 0])
    odds = model.decision_function(table)[:, None]
    # Platt's scaling on documents that the weights have not seen.
    scale = LogisticRegression(C=1e6).fit(odds[where == 1], right[where == 1])
    slope, shift = float(scale.coef_[0, 0]), float(scale.intercept_[0])
    weights = dict(zip(names, (slope * model.coef_[0]).tolist(), strict=True))
    return {"intercept": slope * float(model.intercept_[0]) + shift, **weights}


def _measured(sure: Sequence[float], right: NDArray[np.bool_]) -> dict[str, Json]:
    from sklearn.metrics import roc_auc_score

    confident = np.array(sure)
    wrong = int(((confident >= 0.5) != right).sum())
    pair = (confident, right.astype(float))
    return {
        "auc": shown(bootstrap(_auc(roc_auc_score), *pair, seed=0, resamples=500)),
        "error_at_half": shown(proportion(wrong, len(right))),
        "calibration_error": shown(calibration_error(confident, right, seed=0)),
    }


def _auc(score: Callable[..., float]) -> Callable[..., NDArray[np.float64]]:
    def statistic(sure: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = zip(
            sure.reshape(-1, sure.shape[-1]), right.reshape(-1, right.shape[-1]), strict=True
        )
        values = [score(true, one) if 0 < true.sum() < len(true) else 0.5 for one, true in flat]
        return np.array(values).reshape(sure.shape[:-1])

    return statistic


def _parts(documents: Sequence[str], seed: int) -> dict[str, int]:
    """0 to fit, 1 to calibrate, 2 to test."""
    names = sorted(set(documents))
    random.Random(seed).shuffle(names)
    count = len(names)
    return {
        name: (place * 5 >= 3 * count) + (place * 5 >= 4 * count)
        for place, name in enumerate(names)
    }


def _prefixed(name: str, figures: dict[str, Json]) -> dict[str, Json]:
    return {f"{name}.{key}": value for key, value in figures.items()}


def _rounded(weights: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in weights.items()}


def _notes(items: Sequence[Item]) -> dict[str, Json]:
    return {
        "items": len(items),
        "documents": len({item.document for item in items}),
        "claims": "half of the answers are wrong: of the same kind and passage, of the passage, "
        "of another one, or right for another passage; statements are spoiled in one number, name, "
        "negation or opposite, or come from elsewhere",
        "polar": "yes or no to PubMedQA's questions: words alone hardly tell, which is why their "
        "probability stays near the base rate",
    }


if __name__ == "__main__":
    main()
