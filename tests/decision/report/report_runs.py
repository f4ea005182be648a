"""A run over real text: the interpreter's own docstrings, classified by real models."""

import importlib
import inspect
import pkgutil
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from threadpoolctl import threadpool_limits

from metier.types import (
    Answer,
    Candidate,
    Comparison,
    CurvePoint,
    Dataset,
    Decision,
    Estimate,
    Example,
    GateResult,
    IngestReport,
    ItemResult,
    LeakProbe,
    Malformed,
    Message,
    Overlap,
    OverlapHit,
    Retention,
    RunReport,
    Score,
    Scorecard,
    StepCount,
    Task,
    Usage,
)

PACKAGES = ("asyncio", "email", "logging", "unittest", "xml", "http", "multiprocessing", "tarfile")
RECIPE = """[project]
name = "Which module is it?"

[[sources]]
kind = "python_docs"

[task]
kind = "classification"
instruction = "Say which module this entry of the documentation belongs to."
"""


@cache
def docstrings() -> list[Example]:
    """Distinct docstrings of the packages, each with its package as target."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for module in _modules(package):
            for text in _texts(module):
                if len(text) >= 60:
                    found.setdefault(text, package)
    examples = [
        Example(f"doc-{index}", text, target)
        for index, (text, target) in enumerate(sorted(found.items()))
    ]
    order = np.random.default_rng(0).permutation(len(examples))
    return [examples[index] for index in order]


def build(examples: list[Example], *, test: int = 240, repeat_rungs: int = 1) -> RunReport:
    """Fit real classifiers and put their results into a report."""
    half = examples[: max(len(examples) - test, len(examples) // 2)]
    train, dev, held = half[:-40], half[-40:], examples[len(half) :]
    labels = tuple(sorted({one.target for one in train}))
    task = Task("classification", "Say which module this entry belongs to.", labels)
    predictions = _predictions(train, held, labels)
    cards, candidates = [], []
    for copy in range(repeat_rungs):
        for name, probabilities in predictions.items():
            rung = name if not copy else f"{name} {copy + 1}"
            cards.append(_card(rung, name, held, probabilities, labels))
            candidates.append(_candidate(rung, name, task, train))
    comparisons = _comparisons(cards)
    return RunReport(
        name="Which module is it?",
        created="2026-11-21T02:00:00Z",
        recipe=RECIPE,
        dataset=Dataset(task, tuple(train), tuple(dev), tuple(held), "5d0e6f7a1b2c3d4e"),
        corpus=_ingest(len(examples)),
        decision=_decision(cards, comparisons),
        candidates=tuple(candidates),
        scorecards=tuple(cards),
        metric="accuracy",
        retention=_retention(),
        curve=_curve(train, held, labels),
        leak_probe=LeakProbe({"signatures": estimate(51, 240), "quotes": estimate(40, 240)}, 0.19),
        overlaps=(
            Overlap("training rows", "13-grams", 0.5, 240, ()),
            Overlap("few-shot examples", "embedding", 0.95, 240, (OverlapHit("a", "b", 0.97),)),
        ),
        versions={"metier": "0.1.0", "python": "3.11.7", "scikit-learn": "1.7"},
        hardware="2 cores, no GPU",
        seconds=431.2,
    )


def estimate(right: float, n: int) -> Estimate:
    """A share with a normal interval, good enough to draw."""
    share = right / n
    half = 1.96 * max(share * (1 - share), 0.25 / n) ** 0.5 / n**0.5
    return Estimate(share, max(0.0, share - half), min(1.0, share + half), n)


def only(report: RunReport, *rungs: str) -> RunReport:
    """The same run with fewer rungs."""
    return replace(
        report,
        scorecards=tuple(one for one in report.scorecards if one.rung in rungs),
        candidates=tuple(one for one in report.candidates if one.rung in rungs),
        retention=tuple(one for one in report.retention if one.rung in rungs),
        curve=tuple(one for one in report.curve if one.rung in rungs),
        decision=replace(
            report.decision,
            rung=report.decision.rung if report.decision.rung in rungs else rungs[-1],
            comparisons=tuple(
                one
                for one in report.decision.comparisons
                if one.rung in rungs and one.against in rungs
            ),
            gates=tuple(one for one in report.decision.gates if one.rung in rungs),
        ),
    )


def _modules(package):
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.iter_modules(getattr(root, "__path__", [])):
        if not info.name.startswith("_"):
            try:
                yield importlib.import_module(f"{package}.{info.name}")
            except ImportError:  # parts for another operating system
                continue


def _texts(module):
    for _, thing in inspect.getmembers(module):
        if getattr(thing, "__module__", "") == module.__name__:
            yield inspect.getdoc(thing) or ""
            if inspect.isclass(thing):
                for member in vars(thing).values():
                    yield (inspect.getdoc(member) or "") if callable(member) else ""


@threadpool_limits.wrap(limits=1)
def _predictions(train, held, labels):
    texts, targets = [one.input for one in train], [one.target for one in train]
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    x, y = vectorizer.fit_transform(texts), vectorizer.transform([one.input for one in held])
    share = np.array([targets.count(label) / len(targets) for label in labels])
    rows = np.array(targets)
    centroids = np.stack([x.toarray()[rows == label].mean(axis=0) for label in labels])
    distance = np.linalg.norm(y.toarray()[:, None] - centroids[None], axis=2)
    near = np.exp(-30 * (distance - distance.min(axis=1, keepdims=True)))
    return {
        "majority": np.tile(share, (len(held), 1)),
        "zero-shot": _blur(MultinomialNB(alpha=30).fit(x, targets).predict_proba(y), 3.0),
        "nearest centroid": near / near.sum(axis=1, keepdims=True),
        "few-shot": _blur(MultinomialNB(alpha=0.1).fit(x, targets).predict_proba(y), 2.5),
        "tfidf": LogisticRegression(C=10, max_iter=60, tol=1e-2).fit(x, targets).predict_proba(y),
    }


def _blur(probabilities, power):
    sharp = probabilities**power
    return sharp / sharp.sum(axis=1, keepdims=True)


def _card(rung, kind, held, probabilities, labels):
    prompted = kind in ("zero-shot", "few-shot")
    items = []
    for example, row in zip(held, probabilities, strict=True):
        label = labels[int(row.argmax())]
        prompt = ()
        if prompted:
            listed = "Say which module this entry belongs to.\n" + ", ".join(labels)
            prompt = (
                Message("system", listed),
                Message("user", f"Entry:\n{example.input}\nModule:"),
            )
        usage = Usage(40 + len(example.input) // 4, 3) if prompted else Usage()
        answer = Answer(label, usage, prompt, dict(zip(labels, row.tolist(), strict=True)))
        score = Score("accuracy", float(label == example.target))
        seconds = (0.08 if prompted else 0.0004) * (1 + len(example.input) / 4000)
        items.append(
            ItemResult(example.id, "task", example.input, example.target, answer, seconds, (score,))
        )
    n, right = len(items), sum(one.scores[0].value for one in items)
    seconds = [one.seconds for one in items]
    tokens = [one.answer.usage.prompt_tokens for one in items]
    price = 1e-5 + 0.002 * float(np.mean(tokens)) / 10 + (0.003 if kind == "tfidf" else 0.0)
    sure = probabilities.max(axis=1)
    gap = abs(float(sure.mean()) - right / n)
    return Scorecard(
        rung,
        "task",
        tuple(items),
        {
            "accuracy": estimate(right, n),
            "macro_f1": estimate(0.95 * right, n),
            "off_enum_rate": estimate(0, n),
            "calibration_error": Estimate(gap, max(0.0, gap - 0.02), gap + 0.02, n),
            "prompt_tokens": _mean(tokens),
            "completion_tokens": _mean([one.answer.usage.completion_tokens for one in items]),
            "seconds": _mean(seconds),
        },
        sum((one.answer.usage for one in items), Usage()),
        sum(seconds),
        Estimate(price, price * 0.93, price * 1.08, n),
        {"data": "5d0e6f7a1b2c3d4e", "prompt": "91ac"},
    )


def _mean(values):
    value = float(np.mean(values))
    half = 1.96 * float(np.std(values)) / len(values) ** 0.5
    return Estimate(value, value - half, value + half, len(values))


def _candidate(rung, kind, task, train):
    trials = ({"C": 10.0, "dev_accuracy": 0.9}, {"C": 1.0, "dev_accuracy": 0.85, "note": "slow"})
    prompted = kind in ("zero-shot", "few-shot")
    return Candidate(
        rung,
        kind,
        task,
        {"C": 10.0, "ngrams": [1, 2]} if kind == "tfidf" else {},
        "SmolLM2-135M-Instruct" if prompted else None,
        train_examples=tuple(one.id for one in train) if not prompted else (),
        train_seconds=2.3 if kind == "tfidf" else 0.0,
        trials=trials if kind == "tfidf" else (),
        seed=7,
    )


def _comparisons(cards):
    found = []
    for under, over in pairwise(cards):
        a = np.array([one.scores[0].value for one in over.items])
        b = np.array([one.scores[0].value for one in under.items])
        gap, n = a - b, len(a)
        half = 1.96 * float(gap.std()) / n**0.5
        value = float(gap.mean())
        z = abs(value) / max(half / 1.96, 1e-9)
        p = float(np.exp(-0.717 * z - 0.416 * z * z))
        difference = Estimate(value, value - half, value + half, n)
        wins, losses = int((gap > 0).sum()), int((gap < 0).sum())
        found.append(
            Comparison(
                over.rung, under.rung, "accuracy", difference, p, min(1.0, 4 * p), wins, losses
            )
        )
    return tuple(found)


def _decision(cards, comparisons):
    # The strongest model stands last; a fixed name keeps the tests free of ties.
    best = cards[-1]
    gates = [
        GateResult(
            "least quality",
            card.rung,
            card.metrics["accuracy"].value >= 0.5,
            f"accuracy {card.metrics['accuracy'].value:.3f}, at least 0.500 asked",
        )
        for card in cards
    ]
    return Decision(
        "ship",
        best.rung,
        (
            f"{best.rung} is the most accurate of the rungs that pass every gate.",
            "No cheaper rung is within the noise of it.",
            "Its price per call is the electricity of a thousandth of a second.",
        ),
        comparisons,
        tuple(gates),
        0.058,
        None,
        1840.0,
    )


def _retention():
    suites = (("instructions", 0.93), ("arithmetic", 0.71), ("formats", 1.04))
    return tuple(
        Retention(
            "few-shot",
            suite,
            estimate(120, 200),
            estimate(120 * ratio, 200),
            Estimate(ratio, ratio - 0.09, ratio + 0.08, 200),
        )
        for suite, ratio in suites
    )


def _curve(train, held, labels):
    points = []
    for rows in (5, 10, 25, 50):
        some = [one for label in labels for one in [e for e in train if e.target == label][:rows]]
        for rung, probabilities in _predictions(some, held, labels).items():
            if rung in ("nearest centroid", "few-shot", "tfidf"):
                answers = [labels[int(row.argmax())] for row in probabilities]
                right = sum(a == one.target for a, one in zip(answers, held, strict=True))
                points.append(CurvePoint(rung, rows, estimate(right, len(held))))
    return tuple(points)


def _ingest(documents):
    return IngestReport(
        "9f8e7d6c5b4a3f2e",
        documents + 37,
        documents,
        (Malformed("docs.jsonl", 17, "not JSON: unexpected end"),),
        1,
        (StepCount("signatures", 212, 8411), StepCount("quotes", 40, 1210)),
        {"exact duplicate": 30, "near duplicate": 5, "empty after cleaning": 1},
        seconds=3.2,
    )
