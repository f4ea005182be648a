"""Examples come from labelled documents."""

from __future__ import annotations

import pytest

from metier.dataset.examples import examples_from
from metier.dataset.right_answers import right_answers
from metier.errors import DataError, EmptyStageError
from metier.types import CleanDocument, Piece


class Corpus:
    """Documents in memory."""

    version = "v"

    def __init__(self, documents):
        self.listed = documents

    def __len__(self):
        return len(self.listed)

    def documents(self):
        return iter(self.listed)

    def chunks(self):
        return iter(())


def document(name: str, text: str, **metadata) -> CleanDocument:
    return CleanDocument(name, text, text, (Piece(0, len(text), 0, len(text)),), "T", "", metadata)


def test_an_example_is_the_text_with_its_label():
    corpus = Corpus(
        [document("a", "text", label="x", author="kim"), document("b", "t", label=None, author="")]
    )
    [example] = examples_from(corpus, label="label", group="author")
    assert (example.id, example.input, example.target, example.group) == ("a", "text", "x", "kim")
    assert example.evidence[0].document == "a"


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ("Ames", ("Ames",)),
        (1911, ("1911",)),
        (["Ames", "Judge Ames", "Ames"], ("Ames", "Judge Ames")),
        ([["Ames", "Birch"], ["Birch", "Ames"]], ("Ames, Birch", "Birch, Ames")),
        ({"text": ["Ames"], "answer_start": [3]}, ("Ames",)),
        ({"text": [], "answer_start": []}, ()),
        (" ", ()),
        (None, ()),
    ],
)
def test_right_answers_are_read_in_the_forms_of_published_sets(given, answers):
    assert right_answers(given) == answers


def test_further_right_answers_are_aliases():
    corpus = Corpus([document("a", "Who ruled?", answers=["Ames", "Judge Ames"])])
    [example] = examples_from(corpus, label="answers", kind="short_answer")
    assert (example.target, example.aliases) == ("Ames", ("Judge Ames",))


def test_a_text_with_several_labels_is_refused():
    with pytest.raises(DataError, match=r'"a".*2 labels in "tags", law, tax; .*short_answer'):
        examples_from(Corpus([document("a", "text", tags=["law", "tax"])]), label="tags")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "lable"}, 'did you mean "label"'),
        ({"label": "label", "group": "x"}, "it has label"),
    ],
)
def test_a_wrong_column_names_its_mend(options, message):
    with pytest.raises(DataError, match=message):
        examples_from(Corpus([document("a", "text", label="x")]), **options)


def test_no_labels_at_all_is_an_error():
    with pytest.raises(EmptyStageError, match='no value in "label": 1'):
        examples_from(Corpus([document("a", "t", label=" ")]), label="label")


def test_rows_that_lack_a_key_which_others_have_are_as_those_without_a_value():
    documents = [document("a", "t", label="x", who="kim"), document("b", "u", label="y")]
    documents += [document("c", "v", who="kim")]
    made = examples_from(Corpus(documents), label="label", group="who")
    assert [(one.id, one.target, one.group) for one in made] == [("a", "x", "kim"), ("b", "y", "b")]
