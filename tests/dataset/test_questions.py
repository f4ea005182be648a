"""Questions about the documents become examples, or say which row is wrong."""

import pytest

from metier.dataset.questions import QuestionColumns, questions_from
from metier.errors import DataError
from metier.types import ABSTENTION, Document

COLUMNS = QuestionColumns("answer", "case", "kind")


def row(number, **metadata):
    return Document(f"q{number}", f" Who ruled in case {number}? ", uri="q.csv", metadata=metadata)


def test_a_question_is_about_its_document_and_grouped_by_it():
    rows = [row(1, answer="Ames", case="c1", kind="forward")]
    (example,) = questions_from(rows, ["c1", "c2"], COLUMNS)
    assert (example.input, example.target) == ("Who ruled in case 1?", "Ames")
    assert (example.origin, example.group, example.kind) == ("c1", "c1", "forward")


def test_a_question_without_an_answer_wants_to_hear_so():
    (example,) = questions_from([row(1, answer=None, case="", kind="unknown")], ["c1"], COLUMNS)
    assert example.target == ABSTENTION
    assert example.group == ""


def test_a_document_that_is_not_there_is_named_with_the_nearest():
    rows = [row(1, answer="Ames", case="case-12", kind="")]
    with pytest.raises(DataError, match=r'"q1".*did you mean "case-1"'):
        questions_from(rows, ["case-1"], COLUMNS)


def test_a_question_about_a_document_that_is_not_there_is_left_out():
    rows = [row(n, answer="Ames", case=case, kind="") for n, case in enumerate(["c1", "c2", ""])]
    assert [one.id for one in questions_from(rows, ["c1"], COLUMNS)] == ["q0", "q2"]


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(DataError, match=r'no column "answer"; did you mean "answers"'):
        questions_from([row(1, answers="Ames", case="c1", kind="")], ["c1"], COLUMNS)


def test_any_of_several_answers_is_right():
    rows = [row(1, answer=["Ames", "Judge Ames"], case="c1", kind="")]
    (example,) = questions_from(rows, ["c1"], COLUMNS)
    assert (example.target, example.aliases) == ("Ames", ("Judge Ames",))
