"""Examples come from labelled documents; overlaps with the test split are found and dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.dataset.decontaminate import drop_overlapping, overlap
from metier.dataset.examples import examples_from
from metier.errors import DataError, EmptyStageError
from metier.types import CleanDocument, Example, Piece


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


def example(name: str, text: str) -> Example:
    return Example(name, text, "t")


WORDS = [f"w{n}" for n in range(40)]


def test_a_run_of_thirteen_words_is_found():
    test = [example("long", " ".join(WORDS)), example("short", "five words are enough here")]
    others = [
        ("run", "Before, " + " ".join(WORDS[5:18]).upper() + " after"),
        ("too-short-run", " ".join(WORDS[5:17])),
        ("holds-short", "look: FIVE words, are enough - here!"),
    ]
    [found] = overlap(test, others, against="training rows")
    assert [(hit.test, hit.other) for hit in found.hits] == [
        ("long", "run"),
        ("short", "holds-short"),
    ]
    assert found.hits[0].similarity == pytest.approx(1 / 28)
    assert (found.by, found.test_items) == ("13-grams", 2)


def test_very_short_items_must_be_the_whole_text():
    test = [example("a", "thank you")]
    [found] = overlap(test, [("1", "Thank you!"), ("2", "thank you all")], against="index")
    assert [hit.other for hit in found.hits] == ["1"]


def test_every_overlapping_row_is_dropped():
    text = " ".join(WORDS)
    train = [example("1", text), example("2", text + " end"), example("3", "other")]
    others = [(row.id, row.input) for row in train]
    found = overlap([example("t", text)], others, against="training rows")
    assert [row.id for row in drop_overlapping(train, found)] == ["3"]


def test_embeddings_find_what_words_do_not():
    class Directions:
        name = "directions"

        def embed(self, texts):
            angles = np.array([float(text) for text in texts])
            return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    found = overlap(
        [example("t", "0")], [("near", "0.1"), ("far", "1")], against="index", embedder=Directions()
    )
    assert [hit.other for hit in found[1].hits] == ["near"]
    assert found[1].hits[0].similarity == pytest.approx(np.cos(0.1), abs=1e-6)


@given(st.text(max_size=80))
def test_a_text_with_words_overlaps_itself(text):
    [found] = overlap([example("t", text)], [("o", text)], against="index")
    assert len(found.hits) <= 1
    if found.hits:
        assert found.hits[0].similarity == 1.0
