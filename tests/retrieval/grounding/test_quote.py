"""Quotes are found where they stand, and sentences hold all of a text."""

import string
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from metier.retrieval.grounding.quote import find_quotes, fold, nearest_quote
from metier.retrieval.grounding.sentences import sentences

TEXTS = st.text(alphabet=string.ascii_letters + " .,!?\n“”’ßİﬁ½0123456789", max_size=200)


@given(TEXTS)
def test_sentences_hold_every_character_but_white_space(text):
    bounds = sentences(text)
    said = "".join(text[start:end] for start, end in bounds)
    assert "".join(said.split()) == "".join(text.split())
    assert all(one[1] <= other[0] for one, other in pairwise(bounds))


def test_sentences_do_not_end_after_abbreviations_and_initials():
    text = "Dr. J. Lunt left the U.S. Navy in 1.5 hours. He came back!  The end"
    assert [text[a:b] for a, b in sentences(text)] == [
        "Dr. J. Lunt left the U.S. Navy in 1.5 hours.",
        "He came back!",
        "The end",
    ]


def test_chinese_sentences_end_without_blanks():
    assert len(sentences("黑豹队丢了308分。排名第六。")) == 2


@given(TEXTS, st.integers(0, 200), st.integers(1, 60))
def test_quotes_say_what_was_wanted(text, start, length):
    wanted = text[start : start + length].strip()
    for quote in find_quotes(wanted, text):
        said = text[quote.start : quote.end]
        assert said == wanted if quote.kind == "exact" else fold(said).text == fold(wanted).text


@given(TEXTS)
def test_folding_keeps_the_way_back(text):
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert all(0 <= a < b <= len(text) for a, b in zip(folded.starts, folded.ends, strict=True))


def test_quotes_are_whole_words_and_whole_numbers():
    assert find_quotes("308", "1308 and 308,500 and 3.308") == []
    (quote,) = find_quotes("308", "gave up 308, then 1308")
    assert (quote.start, quote.kind) == (8, "exact")


def test_a_minus_belongs_to_its_number_and_a_hyphen_does_not():
    assert find_quotes("5 °C", "It was -5 °C, then (−5 °C).") == []
    assert len(find_quotes("-5 °C", "It was -5 °C, then (−5 °C).")) == 1
    assert len(find_quotes("-7 °C", "It was -5 °C, then (−7 °C).")) == 1
    for range_or_name, number in (("1990-1995", "1995"), ("5–7 °C", "7 °C"), ("COVID-19", "19")):
        assert len(find_quotes(number, f"So {range_or_name} it was.")) == 1
        assert find_quotes(f"-{number}", f"So {range_or_name} it was.") == []


def test_quotes_differ_in_case_blanks_and_quotation_marks():
    text = "They said: “It’s a\n  NEW – thing”."
    quote = nearest_quote('"it\'s a new - thing"', text)
    assert quote is not None
    assert quote.kind == "normalised"
    assert text[quote.start : quote.end] == "“It’s a\n  NEW – thing”"


def test_a_near_quote_is_widened_to_whole_words():
    text = "Measured in 1873, the river is about two hundred miles long in total."
    quote = nearest_quote("the river was about two hundred miles long", text)
    assert quote is not None
    assert quote.kind == "fuzzy"
    assert text[quote.start : quote.end].endswith("long")
    assert nearest_quote("nothing of the kind was ever said", text) is None
