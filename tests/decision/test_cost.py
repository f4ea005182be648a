"""Dollars from tokens or from hours."""

import pytest

from metier.decision.cost import (
    Machine,
    TokenPrice,
    break_even_calls_per_month,
    cost_per_thousand,
)
from metier.types import Answer, ItemResult, Usage


def items(*usages, seconds=0.36):
    return [
        ItemResult(f"{n}", "test", "?", "a", Answer("a", usage), seconds, ())
        for n, usage in enumerate(usages)
    ]


def test_tokens_are_priced_by_kind():
    asked = items(Usage(1000, 10, 400), Usage(1000, 10, 400))
    found = cost_per_thousand(asked, TokenPrice(1.0, 10.0, 0.1))
    assert found.value == pytest.approx(600 * 1e-3 + 400 * 1e-4 + 10 * 1e-2)


def test_cached_tokens_cost_as_others_where_no_price_is_given():
    found = cost_per_thousand(items(Usage(1000, 0, 400), Usage(1000, 0)), TokenPrice(1.0, 0.0))
    assert found.value == pytest.approx(1.0)


def test_a_machine_is_priced_by_the_second():
    found = cost_per_thousand(items(Usage(), Usage()), Machine(1.0))
    assert found.value == pytest.approx(0.1)


def test_one_call_tells_no_price():
    assert cost_per_thousand(items(Usage()), Machine(1.0)) is None


def test_what_saves_nothing_never_pays_back():
    assert break_even_calls_per_month(training=5.0, saved_per_thousand=0.0) is None
    assert break_even_calls_per_month(training=12.0, saved_per_thousand=1.0) == pytest.approx(1000)
