"""Overlaps with the test split are found and dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.dataset.decontaminate import drop_overlapping, overlap, overlap_with_index
from metier.models.engines.fake import FakeEmbedder
from metier.types import Example
from tests.retrieval.stores import passage, store


def example(name: str, text: str, tenant: str = "") -> Example:
    return Example(name, text, "t", tenant=tenant)


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


def test_an_index_is_searched_as_the_tenant_whose_item_it_is(tmp_path):
    index = store(
        tmp_path,
        passage("public", "when does the office open"),
        passage("acme", "where is the spare key", tenant="acme"),
        passage("beta", "where is the spare key", tenant="beta"),
    )
    test = [
        example("of acme", "Where is the spare key", "acme"),
        example("of nobody", "Where is the spare key"),
        example("of beta", "When does the office open", "beta"),
    ]
    found = overlap_with_index(test, index, embedder=FakeEmbedder())
    assert [(hit.test, hit.other) for hit in found.hits] == [
        ("of acme", "acme#0"),
        ("of beta", "public#0"),
    ]
    assert (found.by, found.against, found.test_items) == ("embedding", "index", 3)
