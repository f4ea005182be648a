"""Each scorer judges as its definition says."""

import pytest

from metier.errors import DataError
from metier.evaluation.checks import failed_checks
from metier.evaluation.scorers import (
    Contains,
    ExactMatch,
    Label,
    TokenF1,
    scorers_for,
)
from metier.types import Answer, Example, Task


def value(scorer, said, target="the Eiffel Tower", **given):
    return scorer.score(Example("1", "?", target, **given), Answer(said)).value


def test_a_label_is_exact_after_trimming():
    label = Label(("cat", "dog"))
    assert value(label, " cat\n", "cat") == 1
    assert value(label, "Cat", "cat") == 0
    assert "off the list" in label.score(Example("1", "?", "cat"), Answer("a cat")).explanation


@pytest.mark.parametrize(
    ("said", "exact", "f1", "contains"),
    [
        ("Eiffel tower.", 1, 1, 1),
        ("It is the Eiffel Tower in Paris", 0, 0.5, 1),
        ("La dame de fer", 1, 1, 1),
        ("Eiffel Towers", 0, 0.5, 0),
        ("", 0, 0, 0),
    ],
)
def test_short_answers_are_judged_after_normalisation_and_by_alias(said, exact, f1, contains):
    aliases = ("la dame de fer",)
    assert value(ExactMatch(), said, aliases=aliases) == exact
    assert value(TokenF1(), said, aliases=aliases) == pytest.approx(f1)
    assert value(Contains(), said, aliases=aliases) == contains


def test_a_column_of_that_name_holds_no_right_answers():
    assert value(Contains(), "a", metadata={"aliases": "Tour Eiffel, a tower"}) == 0


def test_abstaining_is_no_answer():
    answer = Answer("the Eiffel Tower", abstained=True)
    assert ExactMatch().score(Example("1", "?", "the Eiffel Tower"), answer).value == 0


@pytest.mark.parametrize(
    ("check", "given", "good", "bad"),
    [
        ("at least words", 3, "one two three", "one two"),
        ("at most words", 3, "one two three", ""),
        ("starts with", "Ben", "ben came", "Then Ben came"),
        ("includes", "moon", "The moon!", "moonlight"),
        ("times", ["tea", 2], "Tea, tea", "tea, teas"),
        ("list entries", 2, "Here:\n1. a\n2. b", "- a\nb"),
        ("matches", "^[ab]$", "a", "ab"),
        ("json keys", ["a"], 'Here: {"a": 1}.', '{"b": 1}'),
        ("json keys", [], "{}", "{"),
    ],
)
def test_checks_pass_and_fail(check, given, good, bad):
    rule = [{"check": check, "value": given}]
    assert failed_checks(rule, good) == []
    assert len(failed_checks(rule, bad)) == 1


def test_an_unknown_check_lists_the_known_ones():
    with pytest.raises(DataError, match="there are at least words"):
        failed_checks([{"check": "rhymes"}], "x")


def test_each_kind_of_task_has_its_metric():
    kinds = ("classification", "short_answer", "free_text")
    first = [scorers_for(Task(kind, "", ("a",)))[0].name for kind in kinds]
    assert first == ["accuracy", "exact_match", "token_f1"]
