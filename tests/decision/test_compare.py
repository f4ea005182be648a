"""Comparisons cover best and neighbours, on the same items, and know the direction."""

import pytest

from metier.decision.compare import compare
from metier.errors import DataError

from .test_recommend import card, hits


def ladder(n=120):
    return [card(name, hits(share, n, name)) for name, share in
            (("majority", 0.2), ("tfidf", 0.9), ("prompt", 0.3), ("lora", 0.7))]  # fmt: skip


def test_neighbours_and_the_best_are_compared_once_each():
    pairs = [(found.rung, found.against) for found in compare(ladder(), "accuracy")]
    assert pairs == [
        ("tfidf", "majority"), ("prompt", "tfidf"), ("lora", "prompt"), ("tfidf", "lora"),
    ]  # fmt: skip


def test_a_positive_difference_speaks_for_the_first():
    found = compare(ladder(), "accuracy")
    assert found[0].difference.low > 0
    assert found[1].difference.high < 0
    assert all(one.p_adjusted >= one.p_value for one in found)


def test_rungs_that_were_asked_other_items_are_not_compared():
    with pytest.raises(DataError, match="2 were asked of only one"):
        compare([card("a", [1, 0, 1]), card("b", [1, 0, 1, 1, 1])], "accuracy")


def test_questions_of_one_document_are_one_witness():
    cards = [card("a", [0] * 40), card("b", [1] * 40)]
    groups = {f"{number:05d}": f"document {number % 2}" for number in range(40)}
    alone = compare(cards, "accuracy")
    together = compare(cards, "accuracy", groups=groups)
    assert alone[0].p_value < 1e-6
    assert together[0].p_value >= 0.4
