"""Whether ``model: "auto"`` finds the right specialist, and what that is worth.

``python -m benchmarks.router`` makes six specialists of real sets (medical questions, contract
clauses, vulnerabilities, detection rules, newsgroup posts, Python documentation), each from 200
questions, and lets the gateway's router tell 600 new ones apart. Five answer with a label (a
logistic regression on sentence vectors, metier's ``embedding`` rung), the medical one with the
right document among 1,500. Questions of three general sets belong to none of them.

    accuracy        of the 600: reached their own specialist
    abstained       of the 600: left to the generalist
    misrouted       of the 600: reached another specialist
    strangers.SET   questions of no trade that were left to the generalist
    examples.N      the same figures with N example questions a specialist
    quality.ARM     right answers of 600 (``labelled.ARM``: of the 500 that want a label)

Arms: ``routed`` (a question left to the generalist counts as wrong), ``nearest`` (the router
without its threshold, which leaves nothing to the generalist and answers strange questions too, as
the arms below do), ``oracle`` (always the own specialist), ``one_index`` (one store with all
training questions and all documents: the nearest one's label, or itself), ``one_classifier`` (one
logistic regression over all labels, from the same rows), ``one_language_model`` (the generalist,
told the trade's instruction and labels, which no other arm is told; 30 questions of each trade with
labels). What the router does (score, neighbours, share of the lost) was chosen on other questions:
``dev`` and instructions of ``sft_instructions``; the arm ``nearest`` was added after the first run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.recording import record
from benchmarks.remembering import RememberingModels
from benchmarks.router_data import Asked, Trade, strangers, trades
from metier.methods import linear
from metier.methods.embedding import Embedding
from metier.methods.prompt import prompt_for
from metier.methods.tuning.requests import general_requests
from metier.models.registry import LocalModels
from metier.protocols import Embedder, FitContext, Models
from metier.serving.catalogue.router import Route, Router, fit_router
from metier.stats import paired_difference, proportion
from metier.store import Project
from metier.types import Estimate, Example, Json, Task

EMBEDDER, BASE, GENERALIST = "all-minilm-l6-v2", "smollm2-135m-instruct", "generalist"
EXAMPLES = (20, 40, 100)
TOLD = 30
"""Questions of each labelled trade that the language model is asked."""


def main() -> None:
    """Fit, route, answer, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/router"))
    options = parser.parse_args()
    models = RememberingModels(LocalModels(), Project(options.work))
    embedder = models.embedder(EMBEDDER)
    known = trades(options.data)
    asked = [(trade, one) for trade in known for one in trade.test]
    vectors = embedder.embed([one.text for _, one in asked])
    router = fitted(known, embedder)
    routes = router.routes(vectors)
    own = [trade.name for trade, _ in asked]
    figures: dict[str, Json] = {**reached(routes, own)}
    for name, texts in strangers(options.data).items():
        if name != "dev":
            left = [route.model == GENERALIST for route in router.routes(embedder.embed(texts))]
            figures[f"strangers.{name}"] = asdict(proportion(sum(left), len(left)))
    for count in EXAMPLES:
        few = reached(fitted(known, embedder, count).routes(vectors), own)
        figures |= {f"examples.{count}.{name}": value for name, value in few.items()}
    answers = answered(known, routes, vectors, models, options.work)
    figures |= quality(answers, [one.answer for _, one in asked], known, models)
    record("router", figures, notes=notes(router, models, asked))


def fitted(known: Sequence[Trade], embedder: Embedder, count: int | None = None) -> Router:
    """The gateway's router from the trades' first training questions."""
    questions = {
        trade.name: embedder.embed([one.text for one in trade.train[:count]]) for trade in known
    }
    general = embedder.embed(general_requests())
    return fit_router(questions, general, generalist=GENERALIST)


def reached(routes: Sequence[Route], own: Sequence[str]) -> dict[str, Json]:
    """How many questions reached whom."""
    n = len(own)
    right = sum(route.model == name for route, name in zip(routes, own, strict=True))
    left = sum(route.model == GENERALIST for route in routes)
    shares = {"accuracy": right, "abstained": left, "misrouted": n - right - left}
    return {name: asdict(proportion(count, n)) for name, count in shares.items()}


def answered(
    known: Sequence[Trade],
    routes: Sequence[Route],
    vectors: NDArray[np.float32],
    models: Models,
    work: Path,
) -> dict[str, list[str]]:
    """What each arm says to every question."""
    said = {trade.name: specialist(trade, vectors, models, work) for trade in known}
    said[GENERALIST] = [""] * len(vectors)
    own = [trade.name for trade in known for _ in trade.test]
    embedder = models.embedder(EMBEDDER)
    return {
        "routed": [said[route.model][place] for place, route in enumerate(routes)],
        "nearest": [said[route.nearest][place] for place, route in enumerate(routes)],
        "oracle": [said[name][place] for place, name in enumerate(own)],
        "one_index": one_index(known, vectors, embedder),
        "one_classifier": one_classifier(known, vectors, embedder),
    }


def specialist(trade: Trade, vectors: NDArray[np.float32], models: Models, work: Path) -> list[str]:
    """What a trade's specialist says to all questions, also those that are not its own."""
    embedder = models.embedder(EMBEDDER)
    if trade.passages:
        found = (vectors @ embedder.embed(trade.passages).T).argmax(axis=1)
        return [str(place) for place in found]
    folder = work / trade.name
    folder.mkdir(parents=True, exist_ok=True)
    candidate = Embedding().fit("embedding", context(trade, models, folder))
    fitted = linear.read(folder)
    labels = candidate.task.labels
    return [labels[place] for place in fitted.probabilities(vectors).argmax(axis=1)]


def context(trade: Trade, models: Models, folder: Path) -> FitContext:
    """What the ``embedding`` rung learns from."""
    train, dev = (
        [Example(f"{trade.name}/{one.text[:40]}", one.text, one.answer) for one in part]
        for part in (trade.train, [one for one in trade.dev if one.answer in trade.labels])
    )
    task = Task("classification", trade.instruction, trade.labels)
    return FitContext(
        task=task,
        train=train,
        dev=dev,
        base=BASE,
        embedder=EMBEDDER,
        models=models,
        workdir=folder,
        settings={},
    )


def one_index(
    known: Sequence[Trade], vectors: NDArray[np.float32], embedder: Embedder
) -> list[str]:
    """The nearest entry of one store with everything that the specialists were made from."""
    entries = [Asked(text, str(place)) for t in known for place, text in enumerate(t.passages)]
    entries += [one for trade in known if not trade.passages for one in trade.train]
    found = (vectors @ embedder.embed([one.text for one in entries]).T).argmax(axis=1)
    return [entries[place].answer for place in found]


def one_classifier(
    known: Sequence[Trade], vectors: NDArray[np.float32], embedder: Embedder
) -> list[str]:
    """One classifier over the labels of all trades."""
    labels = sorted({label for trade in known if not trade.passages for label in trade.labels})

    def rows(parts: Sequence[Sequence[Asked]]) -> linear.Rows:
        kept = [one for part in parts for one in part if one.answer in labels]
        return linear.Rows(
            embedder.embed([one.text for one in kept]),
            np.array([labels.index(one.answer) for one in kept]),
        )

    labelled = [trade for trade in known if not trade.passages]
    fit = linear.fit(
        rows([trade.train for trade in labelled]),
        rows([trade.dev for trade in labelled]),
        labels=len(labels),
        seed=0,
    )
    return [labels[place] for place in fit.linear.probabilities(vectors).argmax(axis=1)]


def quality(
    answers: Mapping[str, Sequence[str]],
    gold: Sequence[str],
    known: Sequence[Trade],
    models: Models,
) -> dict[str, Json]:
    """Right answers of each arm, and the routed arm against the others on the same questions."""
    right = {
        arm: np.array([one == other for one, other in zip(said, gold, strict=True)], dtype=float)
        for arm, said in answers.items()
    }
    labelled = np.array([not trade.passages for trade in known for _ in trade.test])
    figures: dict[str, Json] = {}
    for arm in ("routed", "nearest", "oracle", "one_index"):
        figures[f"quality.{arm}"] = share(right[arm])
    for arm in right:
        figures[f"labelled.{arm}"] = share(right[arm][labelled])
    everything = np.ones(len(labelled), dtype=bool)
    for name, first, second, rows in (
        ("quality", "routed", "oracle", everything),
        ("quality", "routed", "one_index", everything),
        ("labelled", "routed", "one_classifier", labelled),
        ("quality", "nearest", "one_index", everything),
        ("labelled", "nearest", "one_classifier", labelled),
    ):
        found = paired_difference(right[first][rows], right[second][rows], seed=0)
        figures[f"{name}.{first}_minus_{second}"] = {
            **asdict(found.difference),
            "p_value": found.p_value,
        }
    told, places = language_model(known, models)
    figures["told.one_language_model"] = share(told)
    figures["told.routed"] = share(right["routed"][places])
    found = paired_difference(right["routed"][places], told, seed=0)
    figures["told.routed_minus_one_language_model"] = {
        **asdict(found.difference),
        "p_value": found.p_value,
    }
    return figures


def language_model(known: Sequence[Trade], models: Models) -> tuple[NDArray[np.float64], list[int]]:
    """The generalist, told what to do, on the first questions of each labelled trade."""
    right, places = [], []
    start = 0
    for trade in known:
        if not trade.passages:
            model = models.language_model(BASE)
            task = Task("classification", trade.instruction, trade.labels)
            part = trade.test[:TOLD]
            prompts = [prompt_for(task, one.text[:800]) for one in part]
            scored = model.score_labels(prompts, trade.labels)
            for offset, (one, scores) in enumerate(zip(part, scored, strict=True)):
                best = int(np.argmax(scores.log_likelihoods))
                right.append(float(trade.labels[best] == one.answer))
                places.append(start + offset)
        start += len(trade.test)
    return np.array(right), places


def share(right: NDArray[np.float64]) -> Json:
    """With its interval."""
    found: Estimate = proportion(int(right.sum()), len(right))
    return asdict(found)


def notes(router: Router, models: Models, asked: Sequence[tuple[Trade, Asked]]) -> dict[str, Json]:
    """What the router thought of its own training questions, and what a question costs."""
    embedder = LocalModels().embedder(EMBEDDER)
    seconds = []
    for _, one in asked[::30]:
        started = time.perf_counter()
        router.routes(embedder.embed([one.text]))
        seconds.append(time.perf_counter() - started)
    return {
        "about": __doc__,
        "held_out_at_the_fit": asdict(router.check),
        "threshold": router.threshold,
        "median_seconds_a_question": float(np.median(seconds)),
        "fields": "value, low, high: share and its 95 % interval (Wilson); differences are paired "
        "(McNemar's exact test)",
    }


if __name__ == "__main__":
    main()
