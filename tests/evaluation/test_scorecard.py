"""A scorecard holds estimates of everything, and nothing that cannot be told."""

from dataclasses import replace

import numpy as np
import pytest

from metier.decision.cost import Machine, with_cost
from metier.errors import DataError, EmptyStageError
from metier.evaluation.scorecard import scorecard, with_not_known
from metier.types import ABSTENTION, Answer, Example, ItemResult, Score, Task, Usage

TASK = Task("classification", "", ("a", "b"))


def item(number, said, target, *, sure=None, score=None, suite="test"):
    probabilities = None if sure is None else {said: sure, "other": 1 - sure}
    hit = float(said == target) if score is None else score
    answer = Answer(said, Usage(10 + number, 1), probabilities=probabilities)
    return ItemResult(f"{number}", suite, "?", target, answer, 0.5, (Score("accuracy", hit),))


def test_every_metric_is_an_estimate_of_all_items():
    items = [item(n, "a" if n % 4 else "x", "a" if n % 2 else "b", sure=0.9) for n in range(40)]
    card = scorecard("tfidf", items, TASK, versions={"data": "1"})
    assert set(card.metrics) == {
        "accuracy", "macro_f1", "off_enum_rate", "calibration_error", "prompt_tokens",
        "completion_tokens", "seconds",
    }  # fmt: skip
    assert all(found.n == 40 for found in card.metrics.values())
    assert all(found.low <= found.value <= found.high for found in card.metrics.values())
    assert card.metrics["accuracy"].value == 0.5
    assert card.metrics["off_enum_rate"].value == 0.25
    assert card.usage == Usage(sum(range(10, 50)), 40)
    assert card.seconds == pytest.approx(20)


def test_no_probabilities_no_calibration():
    card = scorecard("x", [item(n, "a", "a") for n in range(3)], TASK, versions={})
    assert "calibration_error" not in card.metrics


def test_one_item_has_no_mean_time_but_an_honest_accuracy():
    card = scorecard("x", [item(0, "a", "a")], TASK, versions={})
    assert "seconds" not in card.metrics
    assert card.metrics["accuracy"].low < 0.3


def test_items_that_could_not_be_scored_are_not_counted():
    items = [item(0, "a", "a"), item(1, "a", "a")]
    unscored = ItemResult("2", "test", "?", "a", Answer("a"), 0.5, (Score("accuracy", None),))
    card = scorecard("x", [*items, unscored], TASK, versions={})
    assert card.metrics["accuracy"].n == 2


def test_questions_of_one_document_widen_the_interval():
    items = [item(n, "a" if n < 20 else "b", "a") for n in range(40)]
    examples = [Example(f"{n}", "", "", group=f"document {n // 10}") for n in range(40)]
    apart = scorecard("x", items, TASK, versions={}).metrics["accuracy"]
    together = scorecard("x", items, TASK, versions={}, examples=examples).metrics["accuracy"]
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_what_the_base_knew_is_told_apart_and_what_nothing_answers_is_left_out():
    task = Task("short_answer", "")
    wanted = ["Paris", "Bern", "Rome", "Oslo", ABSTENTION]
    base_said = ["Paris", "Bonn", "Riga", "Kyiv", "Linz"]
    tuned_said = ["Nice", "Bern", "Rome", "Graz", ABSTENTION]
    base, tuned = (
        scorecard(
            name,
            [item(n, *pair) for n, pair in enumerate(zip(said, wanted, strict=True))],
            task,
            versions={},
        )
        for name, said in (("closed-book", base_said), ("tuned", tuned_said))
    )

    told = with_not_known([base, tuned], base)

    assert told[0] == base
    taught = told[1].kinds["not known before"]
    assert (taught.value, taught.n) == (pytest.approx(2 / 3), 3)
    assert with_not_known([tuned], replace(base, items=base.items[1:])) == (tuned,)


def test_a_target_off_the_list_is_named():
    with pytest.raises(DataError, match="example '0': target 'z'"):
        scorecard("x", [item(0, "a", "z")], TASK, versions={})


def test_no_items_and_mixed_suites_are_errors():
    with pytest.raises(EmptyStageError):
        scorecard("x", [], TASK, versions={})
    with pytest.raises(DataError, match="mix the suites other, test"):
        mixed = [item(0, "a", "a"), item(1, "a", "a", suite="other")]
        scorecard("x", mixed, TASK, versions={})


def test_each_kind_of_question_is_measured_apart():
    items = [item(n, "a", "a" if n % 2 else "b") for n in range(20)]
    rows = [Example(f"{n}", "", "", kind="odd" if n % 2 else "even") for n in range(20)]
    card = scorecard("x", items, TASK, versions={}, examples=rows)
    assert {kind: (one.value, one.n) for kind, one in card.kinds.items()} == {
        "even": (0.0, 10),
        "odd": (1.0, 10),
    }


def test_seconds_and_price_are_as_sure_as_there_are_batches():
    draw, written, held, priced = np.random.default_rng(0), Task("free_text", ""), [], []
    for _ in range(150):
        spent = np.repeat(draw.normal(1.0, 0.2, 6), 32)
        items = [
            replace(item(n, "a", "a"), seconds=float(one), batch=n // 32)
            for n, one in enumerate(spent)
        ]
        card = with_cost(scorecard("r", items, written, versions={}), Machine(3.6))
        taken, price = card.metrics["seconds"], card.cost_per_thousand
        held.append(taken.low <= 1 <= taken.high)
        priced.append(price.low <= 1 <= price.high)
    assert held == priced
    assert np.mean(held) > 0.9


def test_where_documents_err_as_a_whole_every_interval_is_that_of_documents():
    items, examples = [], []
    for n in range(120):
        document, target = n // 10, "ab"[n % 2]
        said = "none" if document % 4 == 0 else target
        items.append(item(n, said, target, sure=0.75))
        examples.append(Example(f"{n}", "?", target, group=f"document {document}"))
    alone = scorecard("r", items, TASK, versions={}).metrics
    together = scorecard("r", items, TASK, versions={}, examples=examples).metrics
    for name in ("accuracy", "off_enum_rate", "macro_f1"):
        assert together[name].value == pytest.approx(alone[name].value)
        assert _width(together[name]) > 2 * _width(alone[name])
    assert together["calibration_error"].value == alone["calibration_error"].value
    assert together["calibration_error"].high != alone["calibration_error"].high


def _width(found):
    return found.high - found.low
