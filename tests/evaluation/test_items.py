"""Items survive JSON, and stand in one table."""

import json

from hypothesis import given
from hypothesis import strategies as st

from metier import serial
from metier.evaluation.items import items_table
from metier.types import (
    Answer,
    Grounding,
    GroundingChunk,
    ItemResult,
    Message,
    Score,
    Scorecard,
    Span,
    Usage,
)

words = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
spans = st.builds(Span, words, st.just(0), st.just(3), st.none() | st.just(2),
                  st.none() | st.just((0.0, 1.0, 2.0, 3.0)))  # fmt: skip
answers = st.builds(
    Answer,
    text=words,
    usage=st.builds(Usage, st.integers(0, 99), st.integers(0, 9), st.integers(0, 9)),
    prompt=st.lists(st.builds(Message, st.just("user"), words), max_size=2).map(tuple),
    probabilities=st.none() | st.dictionaries(words, st.floats(0, 1), max_size=3),
    grounding=st.none()
    | st.builds(
        Grounding,
        chunks=st.lists(st.builds(GroundingChunk, words, words, spans), max_size=2).map(tuple),
    ),
    abstained=st.booleans(),
)
items = st.builds(
    ItemResult, words, words, words, words, answers, st.floats(0, 10),
    st.lists(st.builds(Score, words, st.none() | st.floats(0, 1), words), max_size=2).map(tuple),
)  # fmt: skip


@given(items)
def test_json_gives_the_same_item_back(item):
    assert serial.from_json(ItemResult, json.loads(json.dumps(serial.to_json(item)))) == item


@given(st.lists(items, max_size=4))
def test_the_table_has_a_row_for_each_rung_and_item(some):
    cards = [Scorecard(rung, "test", tuple(some), {}, Usage(), 0.0) for rung in ("a", "b")]

    rows = items_table(cards).to_pylist()

    assert [(row["rung"], row["answer"]) for row in rows] == [
        (rung, item.answer.text) for rung in "ab" for item in some
    ]
    for row, item in zip(rows, some, strict=False):
        assert row["prompt_tokens"] == item.answer.usage.prompt_tokens
        assert [turn["content"] for turn in json.loads(row["prompt"])] == [
            message.content for message in item.answer.prompt
        ]
