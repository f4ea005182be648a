"""Items survive JSON and Arrow unchanged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import DataError
from metier.evaluation.items import (
    item_from_json,
    item_to_json,
    items_from_table,
    items_to_table,
)
from metier.types import Answer, Citation, ItemResult, Message, Score, Span, Usage

words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
spans = st.builds(Span, words, st.just(0), st.just(3), st.none() | st.just(2),
                  st.none() | st.just((0.0, 1.0, 2.0, 3.0)))  # fmt: skip
answers = st.builds(
    Answer,
    text=words,
    usage=st.builds(Usage, st.integers(0, 99), st.integers(0, 9), st.integers(0, 9)),
    prompt=st.lists(st.builds(Message, st.just("user"), words), max_size=2).map(tuple),
    probabilities=st.none() | st.dictionaries(words, st.floats(0, 1), max_size=3),
    citations=st.lists(st.builds(Citation, words, spans, words), max_size=2).map(tuple),
    abstained=st.booleans(),
)
items = st.builds(
    ItemResult, words, words, words, words, answers, st.floats(0, 10),
    st.lists(st.builds(Score, words, st.none() | st.floats(0, 1), words), max_size=2).map(tuple),
)  # fmt: skip


@given(items)
def test_json_gives_the_same_item_back(item):
    assert item_from_json(json.loads(json.dumps(item_to_json(item)))) == item


@given(st.lists(items, max_size=4))
def test_a_table_gives_the_same_items_back(some):
    table = items_to_table(some)
    assert items_from_table(table) == some
    assert table.column("example").to_pylist() == [item.example for item in some]


def test_a_value_that_is_no_item_is_refused_with_its_field():
    with pytest.raises(DataError, match="example"):
        item_from_json({"suite": "test"})


def test_a_table_of_another_format_is_refused():
    table = items_to_table([]).replace_schema_metadata({"metier.items": "9"})
    with pytest.raises(DataError, match="format 9"):
        items_from_table(table)
