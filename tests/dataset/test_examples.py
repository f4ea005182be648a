"""Examples come from labelled documents."""

from __future__ import annotations

import pytest

from metier.dataset.examples import examples_from
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


def test_a_template_may_use_title_and_entries():
    corpus = Corpus([document("a", "text", label=1, year=1993)])
    [example] = examples_from(corpus, label="label", input_template="{title} ({year})\n{text}")
    assert (example.input, example.target, example.group) == ("T (1993)\ntext", "1", "a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "lable"}, 'did you mean "label"'),
        ({"label": "label", "group": "x"}, "it has label"),
        ({"label": "label", "input_template": "{label}"}, "shows the label"),
        ({"label": "label", "input_template": "{what}"}, "does not fit"),
    ],
)
def test_a_wrong_column_names_its_mend(options, message):
    with pytest.raises(DataError, match=message):
        examples_from(Corpus([document("a", "text", label="x")]), **options)


def test_no_labels_at_all_is_an_error():
    with pytest.raises(EmptyStageError, match='no value in "label": 1'):
        examples_from(Corpus([document("a", "t", label=" ")]), label="label")
