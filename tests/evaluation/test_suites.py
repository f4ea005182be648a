"""Suites are drawn by seed, can be taken by a model, and read any multiple-choice file."""

import csv
import gzip
import json
import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from metier.errors import DataError, EmptyStageError, SourceError
from metier.evaluation.forgetting import retention
from metier.evaluation.run import evaluate
from metier.evaluation.suites import (
    arithmetic,
    general,
    language,
    multiple_choice,
    retention_suites,
)
from metier.evaluation.suites.written import formats
from metier.types import Answer, ItemResult, Score

DATA = Path(os.environ.get("METIER_DATA", Path(__file__).parents[2] / "../shared/data"))


class LettersModel:
    """A tiny real model of text: every letter is equally likely, x is not."""

    name = "letters"

    def loglikelihood(self, batch):
        return [-len(text) - 9.0 * text.count("x") for _, text in batch]

    def count_tokens(self, text):
        return len(text.split())


def test_the_same_seed_draws_the_same_suites_and_another_seed_others():
    drawn, again, other = (retention_suites(seed) for seed in (0, 0, 1))
    assert [s.examples for s in drawn] == [s.examples for s in again]
    assert [s.examples for s in drawn][:4] != [s.examples for s in other][:4]


@pytest.mark.parametrize("suite", retention_suites(3), ids=lambda suite: suite.name)
def test_a_suite_asks_nothing_twice(suite):
    assert len({example.input for example in suite.examples}) == len(suite.examples)
    assert len({example.id for example in suite.examples}) == len(suite.examples)
    assert len(suite.examples) >= 16


def test_the_questions_of_common_knowledge_have_four_different_choices():
    text = files("metier.evaluation.suites").joinpath("general.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    assert len(rows) >= 100
    assert all(len(row) == 5 and len(set(row)) == 5 and all(row) for row in rows)
    assert len({row[0] for row in rows}) == len(rows)


def taken(model, suite):
    return evaluate(suite.ask(model), suite)


def test_the_place_of_the_right_choice_gives_nothing_away():
    model = LettersModel()
    items = taken(model, general(0))
    # all choices are equally likely per letter, so the first is taken: right by chance only
    assert 0.1 < sum(item.scores[0].value for item in items) / len(items) < 0.45


def test_sums_are_right():
    for example in arithmetic(5).examples:
        term, result = example.target.split(" = ")
        assert example.input == f"What is {term}?"
        assert eval(term) == int(result)


def test_likelihood_is_per_letter():
    items = taken(LettersModel(), language())
    assert all(item.scores[0].value <= 0.3679 for item in items)
    assert max(item.scores[0].value for item in items) == pytest.approx(0.367879)


def write(path, text):
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


ROW = {"id": "1", "question": "Which?", "choices": ["xx", "a longer one"], "answer": 1}


@pytest.mark.parametrize("name", ["sky.jsonl", "sky.jsonl.gz", "sky.csv", "sky.csv.gz"])
def test_a_file_of_questions_is_a_suite(tmp_path, name):
    text = json.dumps(ROW) + "\n\n"
    if ".csv" in name:
        text = 'question,choices,answer\nWhich?,"[""xx"", ""a longer one""]",1\n'
    suite = multiple_choice(write(tmp_path / name, text))
    (item,) = taken(LettersModel(), suite)
    assert suite.name == "sky"
    assert item.answer.text == item.target == "a longer one"
    assert sum(item.answer.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", EmptyStageError, "would return nothing"),
        ('{"question": "?"}', DataError, "q.jsonl:1: no column 'choices'"),
        (json.dumps(ROW) + "\n{", DataError, "q.jsonl:2: not JSON"),
        (json.dumps({**ROW, "answer": 2}), DataError, "count from 0"),
        (json.dumps({**ROW, "answer": "b"}), DataError, "'b' is no position"),
        ("[]", DataError, "q.jsonl:1"),
    ],
)
def test_a_file_that_does_not_fit_names_its_line(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        multiple_choice(write(tmp_path / "q.jsonl", text))


@pytest.mark.parametrize("name", ["none.jsonl", "bad.jsonl.gz", "latin.csv"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    if name != "none.jsonl":
        (tmp_path / name).write_bytes(b"\xff\xfe\xe9")
    with pytest.raises(SourceError, match=name):
        multiple_choice(tmp_path / name)


@pytest.mark.data
@pytest.mark.parametrize("name", ["general_arc_easy", "general_hellaswag", "general_boolq"])
def test_public_sets_are_read_as_they_are(name):
    found = sorted((DATA / name).glob("eval.jsonl*"))
    if not found:
        pytest.skip(f"no {name} under {DATA}")
    suite = multiple_choice(found[0], limit=50)
    assert (suite.name, len(suite.examples)) == (name, 50)


def results(values):
    return [
        ItemResult(f"{n}", "s", "?", "", Answer(""), 0.0, (Score("follows", value),))
        for n, value in enumerate(values)
    ]


def test_other_wrong_choices_make_another_suite(tmp_path):
    row = {"question": "2 + 2?", "choices": ["4", "5"], "answer": 0}
    file = write(tmp_path / "q.jsonl", json.dumps(row))
    before, again = multiple_choice(file).content, multiple_choice(file).content
    write(file, json.dumps({**row, "choices": ["4", "four", "22"]}))
    assert before == again != multiple_choice(file).content


def test_other_checks_make_another_suite():
    suite = formats(0)
    first, *rest = suite.examples
    other = replace(first, metadata={"checks": []})
    assert replace(suite, examples=(other, *rest)).content != suite.content == formats(0).content


def test_retention_is_paired_and_has_an_interval():
    found = retention("lora", results([1, 1, 0, 1] * 10), results([1, 0, 0, 1] * 10), "s")
    assert found.ratio.value == pytest.approx(2 / 3)
    assert found.ratio.low < 2 / 3 < found.ratio.high < 1


def test_where_the_base_has_nothing_right_nothing_can_be_lost():
    assert retention("lora", results([0, 0]), results([1, 0]), "s") is None


def test_retention_of_other_items_is_refused():
    with pytest.raises(DataError, match="differ in 1"):
        retention("lora", results([1, 1]), results([1]), "s")


@pytest.mark.models
def test_the_embedded_model_stands_well_above_the_floor():
    registry = pytest.importorskip("metier.models.registry")
    model = registry.LocalModels().language_model("SmolLM2-135M-Instruct")
    items = taken(model, general(0, size=40))
    assert sum(item.scores[0].value for item in items) / 40 > 0.4
