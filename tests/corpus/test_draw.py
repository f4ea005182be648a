"""A part of a corpus is drawn by seed, and stays when other documents come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.draw import drawn
from metier.corpus.in_memory import MemoryCorpus
from metier.types import Document

NAMES = st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=12)


def corpus(names):
    return MemoryCorpus([Document(name, f"The text of {name}.") for name in names])


def ids(part):
    return [document.id for document in part.documents()]


@given(NAMES, st.integers(1, 15), st.integers(0, 3))
def test_as_many_as_asked_for_in_their_order_with_their_chunks(names, count, seed):
    part = drawn(corpus(names), count, seed=seed)
    assert len(part) == min(count, len(names))
    assert ids(part) == [name for name in names if name in ids(part)]
    assert [chunk.source.document for chunk in part.chunks()] == ids(part)
    assert ids(part) == ids(drawn(corpus(names), count, seed=seed))


@given(NAMES.filter(len), st.integers(1, 12), st.integers(0, 3))
def test_a_document_that_comes_replaces_one_at_most(names, count, seed):
    before = set(ids(drawn(corpus(names[1:]), count, seed=seed)))
    after = set(ids(drawn(corpus(names), count, seed=seed)))
    assert len(before - after) <= 1
    assert after - before <= {names[0]}


def test_without_a_count_all_are_there_and_another_seed_draws_others():
    whole = corpus([f"n{number}" for number in range(40)])
    assert drawn(whole, None, seed=0) is whole
    assert ids(drawn(whole, 10, seed=0)) != ids(drawn(whole, 10, seed=1))
