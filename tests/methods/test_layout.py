"""Prompts, labels in free answers, shots and weights."""

import dataclasses
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from metier.methods.asking import parse_label
from metier.methods.blend import best_weights
from metier.methods.few_shot import balanced
from metier.methods.linear import best_temperature, log_loss, softmax
from metier.methods.prompt import prompt_for
from metier.types import Example
from tests.methods.tiny import TASK


def test_prompts_of_one_task_share_everything_but_the_text():
    one, other = (prompt_for(TASK, text, shots=[("a", "email")]) for text in ("first", "second"))
    assert one[:-1] == other[:-1]
    assert one[-1].content.endswith("first") and other[-1].content.endswith("second")
    assert one[0].content.startswith(TASK.instruction)
    assert all(label in one[0].content for label in TASK.labels)


def test_role_and_label_list_can_be_left_out():
    task = dataclasses.replace(TASK, role="You sort texts.")
    assert prompt_for(task, "x")[0].role == "system"
    bare = prompt_for(task, "x", label_list=False, role=False)
    assert [message.role for message in bare] == ["user"]
    assert "logging" not in bare[0].content


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("email", "email"),
        (" Logging.\n", "logging"),
        ("It is **xml.sax**", "xml.sax"),
        ("xml", "xml"),
        ("xml or logging", None),
        ("emails", None),
        ("xml\nnot logging", "xml"),
        ("", None),
    ],
)
def test_a_label_is_read_from_a_free_answer(text, label):
    assert parse_label(text, ["email", "logging", "xml", "xml.sax"]) == label


@given(some.text(), some.sampled_from(TASK.labels))
def test_a_parsed_label_is_always_of_the_task(noise, label):
    assert parse_label(f"{label}\n{noise}", TASK.labels) == label
    assert parse_label(noise, TASK.labels) in (None, *TASK.labels)


@given(some.integers(1, 12), some.integers(0, 99))
def test_shots_are_balanced_and_distinct(count, seed):
    rows = [Example(f"{label}{n}", "t", label) for label in "abc" for n in range(5)]
    drawn = balanced(rows, count, seed=seed)
    assert len({row.id for row in drawn}) == count
    counts = Counter(row.target for row in drawn)
    assert max(counts.values()) - min(counts[label] for label in "abc") <= 1
    assert drawn == balanced(rows[::-1], count, seed=seed)


def test_the_temperature_brings_back_what_was_scaled_away():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4000, 4)) * 2
    gold = np.array([generator.choice(4, p=row) for row in softmax(logits)])
    assert best_temperature(logits * 3, gold) == pytest.approx(3, rel=0.1)


def test_thirty_rows_that_are_all_right_show_no_certainty():
    gold = np.arange(30) % 4
    logits = np.eye(4)[gold] * 3 + np.random.default_rng(0).normal(size=(30, 4)) * 0.1
    sure = softmax(logits / best_temperature(logits, gold)).max(axis=1)
    assert 0.95 < sure.mean() < 0.99


def test_a_label_that_was_never_met_takes_no_certainty_away():
    gold = np.arange(30) % 4
    logits = np.eye(5)[gold] * 3
    met, with_one_more = logits[:, :4], np.where(np.arange(5) < 4, logits, -30.0)
    assert best_temperature(with_one_more, gold) == pytest.approx(
        best_temperature(met, gold), rel=0.01
    )


def test_a_blend_trusts_the_member_that_knows():
    generator = np.random.default_rng(0)
    gold = generator.integers(3, size=300)
    knows = np.log(softmax(np.eye(3)[gold] * 2 + generator.normal(size=(300, 3))))
    guesses = np.log(softmax(generator.normal(size=(300, 3))))
    weights = best_weights([knows, guesses], gold, shrinkage=0.01)
    assert weights[0] > 2 * weights[1] >= 0
    mixed = softmax(weights[0] * knows + weights[1] * guesses)
    assert log_loss(mixed, gold) < log_loss(np.exp(knows), gold)


def test_classical_rungs_load_no_torch():
    code = "import sys; from metier.methods import method; method('tfidf'); method('blend')"
    check = "; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code + check], check=False).returncode == 0
