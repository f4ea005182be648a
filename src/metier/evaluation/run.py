"""Ask an answerer every item of a suite, once, and keep what came back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from metier.errors import DataError, EmptyStageError
from metier.evaluation.suites.suite import Suite
from metier.protocols import Answerer, Progress, silent
from metier.scoped import answers_to
from metier.types import Answer, Example, ItemResult

LARGEST_BATCH = 32
FEWEST_BATCHES = 4
"""Into which a suite is cut at least: time is measured by the batch, and one tells no spread."""

Keep = Callable[[Sequence[ItemResult]], None]


def evaluate(
    answerer: Answerer,
    suite: Suite,
    *,
    batch_size: int | None = None,
    done: Mapping[str, ItemResult] | None = None,
    on_items: Keep = lambda items: None,
    progress: Progress = silent,
) -> list[ItemResult]:
    """Results of all examples of ``suite``, in its order.

    Batches have ``batch_size`` items, unless told as many as leave some batches. ``on_items``
    receives each finished one and should make it last; given back as ``done`` (by example id) after
    a kill, its items are not asked again. Batches are cut from the whole suite, finished items
    included, so that a resumed run asks in the same batches as an unbroken one.
    """
    results = _still_valid(suite, done or {})
    total = len(suite.examples)
    progress(len(results), total, suite.name)
    size = batch_size or min(LARGEST_BATCH, -(-total // FEWEST_BATCHES))
    for number, batch in enumerate(_batches(suite.examples, size)):
        open_items = [example for example in batch if example.id not in results]
        if not open_items:
            continue
        items = _ask(answerer, open_items, suite, number)
        on_items(items)
        results.update((item.example, item) for item in items)
        progress(len(results), total, suite.name)
    return [results[example.id] for example in suite.examples]


def _still_valid(suite: Suite, done: Mapping[str, ItemResult]) -> dict[str, ItemResult]:
    """Finished items whose question and target are still those of the suite."""
    if not suite.examples:
        raise EmptyStageError(f"evaluation on suite {suite.name!r}", {})
    ids = Counter(example.id for example in suite.examples)
    twice = [identity for identity, count in ids.items() if count > 1]
    if twice:
        raise DataError(
            f"suite {suite.name!r}: {len(twice)} example ids occur twice, first {twice[0]!r}; "
            "give each example an id of its own"
        )
    finished = {}
    for example in suite.examples:
        item = done.get(example.id)
        if item and (item.input, item.target) == (example.input, example.target):
            finished[example.id] = item
    return finished


def _batches(examples: Sequence[Example], size: int) -> list[list[Example]]:
    # Similar lengths side by side waste no padding; the longest first, so that a batch that does
    # not fit into memory fails at once and the time left is never underestimated.
    ordered = sorted(examples, key=lambda example: (-len(example.input), example.id))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def _ask(
    answerer: Answerer, examples: Sequence[Example], suite: Suite, number: int
) -> list[ItemResult]:
    began = time.perf_counter()
    answers = answers_to(answerer, examples)
    seconds = (time.perf_counter() - began) / len(examples)
    return [
        _result(example, answer, suite, seconds, number)
        for example, answer in zip(examples, answers, strict=True)
    ]


def _result(
    example: Example, answer: Answer, suite: Suite, seconds: float, batch: int
) -> ItemResult:
    return ItemResult(
        example=example.id,
        suite=suite.name,
        input=example.input,
        target=example.target,
        answer=answer,
        seconds=seconds,
        scores=tuple(scorer.score(example, answer) for scorer in suite.scorers),
        batch=batch,
    )
