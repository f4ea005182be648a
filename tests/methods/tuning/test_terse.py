"""Questions in fewer words: whom they are about stays whole, and nothing is added."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.methods.tuning.terse import in_fewer_words


def versions(question, count=20):
    chance = random.Random(0)
    return {in_fewer_words(question, chance) for _ in range(count)}


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Who was the judge in Smith v. Jones?", "Smith v. Jones"),
        ("Smith v. Jones was decided by which judge?", "Smith v. Jones"),
        ("In which year did the Bank of England open?", "Bank of England"),
        ("How was 410 U. S. 113 decided by the court?", "410 U. S. 113"),
    ],
)
def test_names_and_numbers_stay_whole_while_other_words_go(question, name):
    found = versions(question)

    assert len(found) > 5
    assert all(name in said and len(said.split()) < len(question.split()) for said in found)
    assert all(len(said) > len(name) for said in found), "nothing but a name asks nothing"


def test_names_of_two_sentences_are_two_names():
    assert any("Jones. Who" not in said for said in versions("Of Smith v. Jones. Who was it?"))


@pytest.mark.parametrize("question", ["what is asthma?", "谁是法官？", "Why?", "", "?!"])
def test_what_names_nobody_stays_as_it_is(question):
    assert versions(question, 3) == {question}


@given(st.text(alphabet=st.sampled_from("aB1. é?\n谁"), max_size=60), st.integers(0, 9))
def test_no_word_is_added(question, seed):
    said = in_fewer_words(question, random.Random(seed))
    assert all(part in question for part in said.split())
