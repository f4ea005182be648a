"""Chunks are exact stretches of the text and lead back to source, page and box."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.chunk import chunk
from metier.corpus.clean import clean, make_step
from metier.errors import DataError
from metier.types import Document, Region

texts = st.text(st.sampled_from("ab. \n!Z"), max_size=300)


def document(text: str, *steps: str, regions: tuple[Region, ...] = ()):
    return clean(Document("d", text, regions=regions), [make_step(step) for step in steps])


@given(texts, st.integers(1, 60), st.integers(0, 30))
def test_chunks_hold_every_printed_character(text, size, overlap):
    cleaned = document(text, "whitespace")
    chunks = chunk(cleaned, size=size, overlap=min(overlap, size // 2))
    covered: set[int] = set()
    for before, after in zip([None, *chunks], chunks, strict=False):
        assert cleaned.text[after.start : after.end] == after.text
        assert 0 < len(after.text) <= size
        assert after.text == after.text.strip()
        assert before is None or before.start < after.start
        covered.update(range(after.start, after.end))
    assert all(cleaned.text[n].isspace() for n in range(len(cleaned.text)) if n not in covered)


@given(texts, st.integers(5, 60))
def test_a_chunks_source_begins_and_ends_with_its_own_text(text, size):
    for passage in chunk(document(f"  {text}", "whitespace"), size=size, overlap=0):
        source = f"  {text}"[passage.source.start : passage.source.end]
        assert source.split() == passage.text.split()


def test_cuts_stand_at_paragraphs_then_sentences_then_words():
    text = "One two three.\n\nFour five six. Seven eight nine ten eleven twelve"
    found = [passage.text for passage in chunk(document(text), size=25, overlap=0)]
    assert found == ["One two three.", "Four five six.", "Seven eight nine ten", "eleven twelve"]


def test_the_overlap_begins_at_a_sentence():
    text = "Aa aa aa aa aa. Bb bb bb. Cc cc cc cc cc cc cc."
    first, second = chunk(document(text), size=32, overlap=13)
    assert first.text.endswith("Bb bb bb.")
    assert second.text.startswith("Bb bb bb.")


def test_a_chunk_knows_its_page_and_box():
    regions = (
        Region(0, 5, 1, (0, 90, 50, 100)),
        Region(5, 10, 2, (0, 90, 50, 100)),
        Region(10, 15, 2, (10, 80, 60, 90)),
    )
    [first, second] = chunk(document("aaaa\nbbbb\ncccc\n", regions=regions), size=10, overlap=0)
    assert (first.source.page, second.source.page) == (1, 2)
    assert second.source.box == (10, 80, 60, 90)


def test_a_long_text_without_any_blank_is_cut_all_the_same():
    assert len(chunk(document("x" * 5_000_000), size=1000, overlap=100)) == 5556


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 6), (10, -1)])
def test_impossible_sizes_are_refused(size, overlap):
    with pytest.raises(DataError, match="not possible"):
        chunk(document("a"), size=size, overlap=overlap)
