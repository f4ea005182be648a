"""Sections in place of passages, with the same way back to the source."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.chunk import chunk, chunks_at
from metier.origin import quoted_span, to_source
from metier.retrieval.parents import ParentRetriever, joined, widened
from metier.retrieval.store.passages import passage_of
from metier.types import Chunk, CleanDocument, Piece, Scope, Span
from tests.retrieval.stores import passage, store

WORDS = st.lists(st.sampled_from(["ab", "cde.", "Fghij", "k\n\n", "[email]", "lm  "]), min_size=3)


def cleaned(words):
    """A document whose ``[email]`` stood for a longer address, and whose rest is verbatim."""
    text, source, pieces = "", "", []
    for part in re.split(r"(\[email\])", " ".join(words)):
        verbatim = part != "[email]"
        origin = part if verbatim else "somebody@example.org"
        if part:
            ends = len(text) + len(part), len(source) + len(origin)
            pieces.append(Piece(len(text), ends[0], len(source), ends[1], verbatim))
        text, source = text + part, source + origin
    return CleanDocument("d", text, source, tuple(pieces))


@given(WORDS, st.integers(4, 30), st.integers(0, 2), st.data())
def test_a_widened_chunk_leads_to_the_same_place_as_the_document(words, size, overlap, data):
    document = cleaned(words)
    chunks = chunk(document, size=size, overlap=overlap)
    if not chunks:
        return
    found = data.draw(st.sampled_from(chunks))
    whole = widened(found, chunks, data.draw(st.integers(1, 80)))
    assert whole.end - whole.start == len(whole.text)
    assert whole.start <= found.start
    assert found.end <= whole.end
    assert whole.text.split() == document.text[whole.start : whole.end].split()
    start = data.draw(st.integers(0, len(whole.text) - 1))
    end = data.draw(st.integers(start + 1, len(whole.text)))
    if not whole.text[start].isspace() and not whole.text[end - 1].isspace():
        there = to_source(document, whole.start + start, whole.start + end)
        assert quoted_span(whole, start, end) == there


def test_all_chunks_joined_are_the_document():
    document = cleaned(["One sentence here.", "[email]", "And a second one.\n\nAnd a third."])
    chunks = chunk(document, size=24, overlap=8)
    assert len(chunks) > 2
    assert joined(chunks, chunks[1]).text.split() == document.text.split()
    assert joined(chunks, chunks[1]).id == chunks[1].id


def piece(document, text, start, section=""):
    span = Span(document, start, start + len(text))
    return passage(document, text, section=section).__class__(
        Chunk(f"{document}#{start}", text, start, start + len(text), span), section
    )


def test_a_section_is_given_once_and_stays_a_section(tmp_path):
    texts = ("the moon of Orrin is Tavel.", "the moon is made of ice.", "the sea is salt.")
    starts = (0, len(texts[0]) + 1, len(texts[0]) + len(texts[1]) + 2)
    sections = ("moons", "moons", "seas")
    index = store(
        tmp_path / "index",
        *(piece("a", *one) for one in zip(texts, starts, sections, strict=True)),
        passage("b", "another moon entirely"),
    )
    wide = ParentRetriever(index, index, characters=200)
    hits = wide.search(["which moon is made of ice?"], 3)[0]
    assert len({(hit.chunk.source.document, hit.section) for hit in hits}) == len(hits)
    moons = next(hit for hit in hits if hit.section == "moons")
    assert moons.chunk.text == f"{texts[0]}\n{texts[1]}"
    assert quoted_span(moons.chunk, len(texts[0]) + 1, len(moons.chunk.text)).start == starts[1]


@pytest.mark.parametrize("between", ["## Returns\n\nA handle.\n\n", ""])
def test_sections_of_one_name_are_not_joined(tmp_path, between):
    text = (
        "## Parameters\n\nf takes a file.\n\nIt may be empty.\n\n"
        f"{between}## Parameters\n\ng takes a handle.\n\nIt may be closed.\n"
    )
    document = CleanDocument("api", text, text, (Piece(0, len(text), 0, len(text)),))
    lines = [line.span() for line in re.finditer(r"\S.*", text)]
    parts = [passage_of(document, one) for one in chunks_at(document, lines)]
    index = store(tmp_path / "index", *parts)
    hits = ParentRetriever(index, index, characters=400).search(["file handle"], 9)[0]
    of_f, of_g = "f takes a file. It may be empty.", "g takes a handle. It may be closed."
    said = [" ".join(hit.chunk.text.split()) for hit in hits if hit.section == "Parameters"]
    assert sorted(said) == [f"## Parameters {of_f}", f"## Parameters {of_g}"]


def test_sections_of_one_name_are_not_joined_where_their_headings_stand_in_no_passage(tmp_path):
    texts = ("f takes a file.", "f returns a handle.", "g takes a handle.", "g returns nothing.")
    index = store(
        tmp_path / "index",
        *(
            piece("api", text, 40 * place, ("Parameters", "Returns")[place % 2])
            for place, text in enumerate(texts)
        ),
    )
    hits = ParentRetriever(index, index, characters=400).search(["what does f take?"], 4)[0]
    assert {hit.chunk.text for hit in hits} == set(texts)


def test_a_limit_keeps_the_passage_itself(tmp_path):
    index = store(tmp_path / "index", piece("a", "short text", 0), piece("a", "more of it", 11))
    hit = ParentRetriever(index, index, characters=5).search(["short text"], 1)[0][0]
    assert hit.chunk.text == "short text"


def test_a_section_is_widened_by_its_own_tenants_text_alone(tmp_path):
    def readme(tenant):
        first, last = (f"{word} of {tenant or 'nobody'}." for word in ("Beginning", "End"))
        parts = piece("readme", first, 0), piece("readme", last, len(first) + 1)
        return [replace(part, tenant=tenant) for part in parts]

    index = store(tmp_path / "index", *readme("one"), *readme("two"), *readme(""))
    wide = ParentRetriever(index, index, characters=1000)
    hits = wide.search(["Beginning"], scope=Scope(tenant="one"))[0]
    assert {hit.tenant: hit.chunk.text for hit in hits} == {
        "one": "Beginning of one.\nEnd of one.",
        "": "Beginning of nobody.\nEnd of nobody.",
    }
