"""A growing answer has the text of all its tokens, though only the last are read again."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.models.chat import ChatTokenizer
from metier.models.engines.decoding import Row, choose, grown_text, ready_text
from metier.models.names.resolve import resolve
from metier.types import GenerateConfig

SAID = st.text(min_size=1, max_size=60) | st.sampled_from(["🜁🜂🜃", "naïve ", "  \n\n", "鬱鬱", "‽ "])


@pytest.fixture(scope="module")
def chat():
    return ChatTokenizer(resolve("smollm2-135m-instruct"))


def growing(tokens):
    row = Row([], GenerateConfig(len(tokens) + 1))
    for token in tokens:
        row.tokens.append(token)
        yield row


@settings(max_examples=60, deadline=None)
@given(said=st.lists(SAID, min_size=1, max_size=12))
def test_after_each_token_of_a_text(chat, said):
    for row in growing(chat.tokens("".join(said))):
        assert grown_text(row, chat) == chat.text(row.tokens)


@settings(max_examples=60, deadline=None)
@given(tokens=st.lists(st.integers(0, 400) | st.integers(0, 49_151), min_size=40, max_size=120))
def test_after_each_of_any_tokens(chat, tokens):  # the first hundreds are bytes and special ones
    for row in growing(tokens):
        assert grown_text(row, chat) == chat.text(row.tokens)


def test_a_long_answer_is_not_read_from_its_beginning_each_time(chat):
    read = []

    class Reading(ChatTokenizer):
        def __init__(self):
            self.tokenizer = chat.tokenizer

        def text(self, tokens):
            read.append(len(tokens))
            return super().text(tokens)

    reading = Reading()
    for row in growing(chat.tokens("The whale sings in the sea at night. " * 60)):
        grown_text(row, reading)

    assert max(read) < 40


def test_what_is_ready_does_not_change_any_more(chat):
    tokens = chat.tokens("Was it a 🜁 or a 🜂? " * 10)
    ready = [ready_text(row, chat) for row in growing(tokens)]

    assert all(later.startswith(said) for said, later in pairwise(ready))
    assert "\ufffd" not in ready[-1]


@pytest.mark.parametrize("temperature", [1e-40, 1e-38, 1e-9])
def test_a_temperature_at_which_nothing_is_left_to_chance_takes_the_likeliest(temperature):
    import torch

    logits = torch.tensor([1.0, 20.0, 19.0, -torch.inf])
    config = GenerateConfig(1, temperature=temperature, top_k=3, top_p=0.9)
    assert choose(logits, config, torch.Generator().manual_seed(0)) == 1
