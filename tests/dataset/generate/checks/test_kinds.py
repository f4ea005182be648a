"""An answer must be what its question asks for, and stand where the evidence puts it."""

import pytest

from metier.dataset.generate.checks.kinds import asked_for, full_answer_problem, kind_problem
from metier.dataset.generate.checks.spans import agreement, shared
from metier.dataset.generate.text.sentences import sentences
from tests.dataset.generate.pairs import RIGHT, WRONG

UNREAD = {"Did the High Court allow the claim of the Upland Railway?"}
"""Right answers that reading by form cannot find."""


def nearest(passage, question):
    """The sentence that shares the most words with the question."""
    return max(sentences(passage), key=lambda s: shared(question, s.text, "en")).text


@pytest.mark.parametrize(("passage", "question", "answer"), RIGHT)
def test_a_right_answer_is_kept(passage, question, answer):
    quoted = nearest(passage, question)
    assert kind_problem(question, answer, quoted) is None
    if question not in UNREAD:
        assert agreement(question, quoted, answer, language="en") >= 0.5


@pytest.mark.parametrize(("passage", "question", "answer"), WRONG)
def test_another_thing_of_the_same_passage_is_not(passage, question, answer):
    quoted = nearest(passage, question)
    given_away = answer.lower() in question.lower()
    assert (
        kind_problem(question, answer, quoted)
        or agreement(question, quoted, answer, language="en") < 0.5
        or given_away
    )


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("the couple that lived in Chile divorced in which year?", "year"),
        ("Who led the company when it failed?", "person"),
        ("when the war ended, who led the company?", "person"),
        ("what does JUSTICE KAGAN assert?", "thing"),
        ("Was it closed?", "polar"),
        ("Was it closed in winter or in summer?", "thing"),
        ("Wann wurde der Hafen gebaut?", "time"),
        ("港口法于哪一年通过？", "year"),
        ("Name the ship.", None),
    ],
)
def test_the_questions_own_words_say_what_it_asks_for(question, kind):
    assert asked_for(question).kind == kind


SENTENCE = "The Northern Steam Company operated the ferry because the bridge was closed in winter"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (SENTENCE + ".", "repeats"),
        ("operated the ferry because the bridge was closed in winter", "repeats"),
        (SENTENCE.replace("operated", "ran"), "repeats"),
        ("The bridge was closed", "fragment"),
        ("In the cold months trains could not cross, so a steam company ran a boat.", None),
    ],
)  # fmt: skip
def test_a_rewrite_is_neither_a_copy_nor_a_fragment(answer, reason):
    problem = full_answer_problem("rewrite", SENTENCE, answer)
    assert problem is None if reason is None else reason in problem


def test_a_summary_is_more_than_a_name():
    assert full_answer_problem("summary", "", "the ferry") is not None
    assert full_answer_problem("summary", "", "It carried slate to the coast.") is None
