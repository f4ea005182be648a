"""A quote is found where the source says it, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.clean import clean, make_step
from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.checks.evidence import locate
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.text.sentences import token_f1, words
from metier.types import Document

TEXT = (
    "The Board paid  the\nowners “four” million — in 1911 — for the old eastern pier of the city."
)


@pytest.mark.parametrize(
    "quote",
    [
        "the owners",
        'paid the owners "four" million',
        "million - in 1911 - for",
        "THE BOARD PAID",
        "“The Board paid the owners",
        "The Boord paid the owners “four” million — in 1911 — for the o1d eastern pier of the",
    ],
)
def test_white_space_quotes_and_dashes_may_differ(quote):
    place = locate(quote, TEXT)
    assert place is not None
    assert len(words(TEXT[place.start : place.end])) >= len(words(quote)) - 1


def test_a_quote_is_found_as_whole_words_first_and_never_in_a_number():
    text = "The lease of 130 days, or 30 dayslong, was void. It ran for 30 days."
    assert locate("30 days", text) == (60, 67)
    assert locate("30 days", "130 days") is None
    assert locate("30 day", "all 30 days") == (4, 10)
    assert locate("三十天", "租约为三十天。") == (3, 6)


@pytest.mark.parametrize(
    "quote", ["the owner's lawyers", "", "…", "pier 1912", "The Commission refused every payment."]
)
def test_what_is_not_said_is_not_found(quote):
    assert locate(quote, TEXT) is None


@given(st.text(alphabet="abc dé.\n", min_size=5, max_size=60), st.data())
def test_every_stretch_of_a_text_is_found_in_it(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : start + data.draw(st.integers(1, 40))]
    if words(quote):
        place = locate(quote, text)
        assert place is not None
        assert words(text[place.start : place.end]) or quote.strip(" .…") in text


def test_offsets_lead_to_the_source_through_cleaning():
    raw = "<p>The   Board\n\n\npaid &amp; left.</p>"
    steps = [make_step("html", {}), make_step("whitespace", {})]
    corpus = MemoryCorpus([Document("d", raw)], steps=steps)
    (passage,) = passages(corpus, "$title")
    place = locate("paid & left", passage.chunk.text)
    span = passage.span(*place)
    assert raw[span.start : span.end] == "paid &amp; left"
    assert clean(Document("d", raw), steps).text == passage.document.text


def test_token_f1_counts_shared_words():
    assert token_f1("The year 1911.", "1911") == pytest.approx(2 / 3)
    assert token_f1("a, the", "an") == 0.0
