"""Whether a question needs the store at all: the probability against what was the case.

``python -m benchmarks.need`` asks a store of half of SQuAD's paragraphs real questions of eight
kinds. It is needed for SQuAD's questions whose paragraph is there; it is not for those whose
paragraph is gone, nor for what has nothing to do with it: Natural Questions, Jeopardy, SciQ, school
arithmetic, instructions, programming tasks. The model is fitted to half of SQuAD's articles and
three of the other kinds (``fit``), and measured on the other articles and the kinds that it has not
seen. No language model is asked: the search's scores alone judge.

    auc, calibration_error, brier   of the probability, on the measured part
    kinds.X                         share of the kind that is looked up at the threshold
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.grounding_data import K, in_test, search, squad
from benchmarks.kept_vectors import KeptVectors
from benchmarks.recording import record, shown
from benchmarks.support_data import rows
from metier.models.registry import LocalModels
from metier.protocols import TokenEmbedder
from metier.retrieval.grounding.need import fit_need
from metier.retrieval.store.index import Index
from metier.stats import bootstrap, calibration_error, proportion
from metier.types import Hit, Json

SEEN = ("naturalqs", "arithmetic", "programming")
EACH = 300
OTHERS = {
    "naturalqs": ("general_naturalqs/eval.jsonl", "question"),
    "jeopardy": ("general_jeopardy/eval.jsonl", "question"),
    "sciq": ("general_sciq/eval.jsonl", "question"),
    "arithmetic": ("general_gsm8k/test.jsonl", "question"),
    "instructions": ("sft_instructions/alpaca_seed_tasks.jsonl", "instruction"),
    "programming": ("sft_instructions/code_alpaca.jsonl.gz", "instruction"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its hits, and whether the store had what it asks for."""

    kind: str
    text: str
    hits: Sequence[Hit]
    needed: bool
    fitted: bool


def main() -> None:
    """Ask, fit, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/grounding"))
    options = parser.parse_args()
    asked = [*_of_squad(options.data, options.work), *_others(options.data, options.work)]
    fit = [one for one in asked if one.fitted]
    need = fit_need(
        [one.text for one in fit], [one.hits for one in fit], [one.needed for one in fit]
    )
    test = [one for one in asked if not one.fitted]
    sure = np.array([need.probability(one.text, one.hits) for one in test])
    truth = np.array([one.needed for one in test])
    figures: dict[str, Json] = {
        "auc": shown(bootstrap(_auc, sure, truth.astype(float), seed=0, resamples=500)),
        "calibration_error": shown(calibration_error(sure, truth, seed=0)),
        "brier": round(float(((sure - truth) ** 2).mean()), 4),
        "brier_of_base_rate": round(float(truth.mean() * (1 - truth.mean())), 4),
        "right_at_threshold": shown(
            proportion(int(((sure >= need.threshold) == truth).sum()), len(truth))
        ),
    }
    for kind in dict.fromkeys(one.kind for one in test):
        looked = [
            p >= need.threshold for p, one in zip(sure, test, strict=True) if one.kind == kind
        ]
        figures[f"kinds.{kind}"] = shown(proportion(sum(looked), len(looked)))
    notes = {"about": __doc__, "threshold": need.threshold, "fitted": len(fit), "seen": list(SEEN)}
    record("need", figures, notes=notes)


def _of_squad(data: Path, work: Path) -> Iterator[Asked]:
    import random

    found = squad(data, work)
    names = sorted(found.documents)
    gone = frozenset(random.Random(0).sample(names, len(names) // 2))
    hits = search(found.questions, found.documents, work / "halved", without=gone)
    for question, own in zip(found.questions, hits, strict=True):
        there = question.document not in gone
        kind = "squad, there" if there else "squad, gone"
        yield Asked(kind, question.text, own, there, not in_test(question.article))


def _others(data: Path, work: Path) -> Iterator[Asked]:
    model = LocalModels().embedder("all-MiniLM-L6-v2")
    assert isinstance(model, TokenEmbedder)
    index = Index.open(work / "halved", KeptVectors(model, work / "vectors.sqlite"))
    for kind, (file, column) in OTHERS.items():
        texts = [str(row[column]) for row in rows(data / file)[:EACH]]
        for text, hits in zip(texts, index.search(texts, K), strict=True):
            yield Asked(kind, text, hits, False, kind in SEEN)


def _auc(sure: np.ndarray, truth: np.ndarray) -> np.ndarray:
    from sklearn.metrics import roc_auc_score

    flat = zip(sure.reshape(-1, sure.shape[-1]), truth.reshape(-1, truth.shape[-1]), strict=True)
    return np.array([roc_auc_score(t, p) for p, t in flat]).reshape(sure.shape[:-1])


if __name__ == "__main__":
    main()
