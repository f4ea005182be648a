"""Overlaps with the test split are found and dropped."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.dataset.decontaminate import drop_overlapping, overlap, overlap_with_index
from metier.errors import DataError
from metier.models.engines.fake import FakeEmbedder
from metier.types import Example
from tests.retrieval.stores import passage, store

DATA = Path(os.environ.get("METIER_DATA", Path(__file__).parents[2] / "../shared/data"))


def example(name: str, text: str, tenant: str = "") -> Example:
    return Example(name, text, "t", tenant=tenant)


WORDS = [f"w{n}" for n in range(40)]
NOTICE = " ".join(f"notice{n}" for n in range(30))


def own(name: str, count: int) -> str:
    """Words that no other text has."""
    return " ".join(f"{name}{n}" for n in range(count))


def found(test: list[str], others: list[str]) -> list[tuple[str, str]]:
    [one] = overlap(
        [example(str(n), text) for n, text in enumerate(test)],
        [(str(n), text) for n, text in enumerate(others)],
        against="training rows",
    )
    return [(hit.test, hit.other) for hit in one.hits]


def test_two_fifths_of_the_shorter_text_are_a_copy():
    test = [example("long", " ".join(WORDS)), example("short", "five words are enough here")]
    others = [
        ("half", own("x", 10) + " " + " ".join(WORDS[5:30]).upper() + own("y", 10)),
        ("one-run", own("z", 30) + " " + " ".join(WORDS[5:18])),
        ("too-short-run", " ".join(WORDS[5:17])),
        ("holds-short", "look: FIVE words, are enough - here!"),
    ]
    [one] = overlap(test, others, against="training rows")
    assert [(hit.test, hit.other) for hit in one.hits] == [
        ("long", "half"),
        ("short", "holds-short"),
    ]
    assert one.hits[0].similarity == pytest.approx(12 / 28)
    assert (one.by, one.threshold, one.test_items) == ("13-grams", 0.4, 2)


def test_what_many_rows_have_makes_no_copy_of_them():
    rows = [f"{NOTICE} {own(f'row{n}', 15)}" for n in range(60)]
    assert found(rows[:12], rows[12:]) == []
    copy = rows[3].replace("row3", "ROW3")
    assert found(rows[:12], [*rows[12:], copy]) == [("3", "48")]


def test_a_text_that_is_nothing_but_boilerplate_is_copied_only_as_a_whole():
    rows = [f"{NOTICE} {own(f'row{n}', 40)}" for n in range(60)]
    assert found([NOTICE], [*rows, NOTICE.upper()]) == [("0", "60")]


def test_a_copy_in_which_a_few_words_were_changed_is_found():
    words = own("said", 100).split()
    for place in (20, 40, 60, 80):
        words[place] = "other"
    assert found([own("said", 100)], [" ".join(words)]) == [("0", "0")]


@pytest.mark.parametrize("first", ["\u4e00", "\u3042", "\u0e01"])
def test_a_copy_in_a_script_without_blanks_is_found_by_its_characters(first):
    said = [chr(ord(first) + n % 80 // (1 + n % 3)) for n in range(100)]
    copy = ["x" if n in (20, 40, 60, 80) else sign for n, sign in enumerate(said)]
    assert found(["".join(said)], ["".join(copy)]) == [("0", "0")]
    assert found(["".join(said)], ["".join(sorted(said))]) == []


@given(st.integers(13, 60), st.integers(0, 300), st.integers(0, 300))
def test_a_passage_quoted_whole_is_found_on_either_side(length, before, after):
    passage = own("quoted", length)
    text = " ".join([own("before", before), passage, own("after", after)])
    assert found([passage], [text]) == [("0", "0")]
    assert found([text], [passage]) == [("0", "0")]


def test_a_label_that_loses_its_last_row_is_named_with_the_mend():
    train = [Example("1", " ".join(WORDS), "rare"), Example("2", own("other", 20), "common")]
    test = [Example("t", " ".join(WORDS), "rare")]
    overlaps = overlap(test, [(row.id, row.input) for row in train], against="training rows")
    assert [row.id for row in drop_overlapping(train, overlaps)] == ["2"]
    with pytest.raises(DataError, match=r'all 1 training rows of the label "rare".*1 by 13-grams'):
        drop_overlapping(train, overlaps, ["common", "rare"])


@pytest.mark.data
def test_court_opinions_that_cite_one_another_stay_to_train_on():
    opinions = DATA / "legal_scotus" / "opinions_raw.csv.gz"
    if not opinions.exists():
        pytest.skip(f"no {opinions}; set METIER_DATA")
    csv.field_size_limit(10**8)
    with gzip.open(opinions, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["text"].strip()]
    test, train = rows[::5], [row for place, row in enumerate(rows) if place % 5]
    copied = {other for _, other in found([r["text"] for r in test], [r["text"] for r in train])}
    assert len(copied) < len(train) / 20
    paragraph = " ".join(test[0]["text"].split()[300:420])
    assert found([test[0]["text"]], [paragraph]) == [("0", "0")]


def test_very_short_items_must_be_the_whole_text():
    test = [example("a", "thank you")]
    [found] = overlap(test, [("1", "Thank you!"), ("2", "thank you all")], against="index")
    assert [hit.other for hit in found.hits] == ["1"]


def test_every_overlapping_row_is_dropped():
    text = " ".join(WORDS)
    train = [example("1", text), example("2", text + " end"), example("3", "other")]
    others = [(row.id, row.input) for row in train]
    overlaps = overlap([example("t", text)], others, against="training rows")
    assert [row.id for row in drop_overlapping(train, overlaps)] == ["3"]


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
