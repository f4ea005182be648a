"""Paired tests equal the references; sample sizes and detectable differences agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier import stats
from metier.errors import DataError

pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=80)


@given(pairs)
def test_binary_scores_get_exact_mcnemar(both):
    from statsmodels.stats.contingency_tables import mcnemar

    a, b = (np.array(side) for side in zip(*both, strict=True))
    table = [[sum(a & b), sum(a & ~b & 1)], [sum(b & ~a & 1), sum(~a & ~b & 1)]]
    found = stats.paired_difference(a, b, seed=0)
    assert found.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert found.wins - found.losses == sum(a) - sum(b)
    assert found.difference.low <= found.difference.value <= found.difference.high
    assert found.difference.high > found.difference.low


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_turning_the_sides_turns_the_sign(both):
    a, b = zip(*both, strict=True)
    ahead = stats.paired_difference(a, b, seed=0, resamples=200)
    behind = stats.paired_difference(b, a, seed=0, resamples=200)
    assert ahead.difference.value == pytest.approx(-behind.difference.value)
    assert ahead.difference.low == pytest.approx(-behind.difference.high)
    assert (ahead.wins, ahead.losses) == (behind.losses, behind.wins)
    assert ahead.p_value == pytest.approx(behind.p_value, abs=0.1)


def test_items_of_one_document_count_as_one_witness():
    a, b = np.repeat([1, 1, 1], 20), np.repeat([0, 0, 1], 20)
    clusters = np.repeat(range(3), 20).tolist()
    assert stats.paired_difference(a, b, seed=0).p_value < 1e-6
    assert stats.paired_difference(a, b, seed=0, clusters=clusters).p_value >= 0.5


def test_series_of_different_length_are_refused():
    with pytest.raises(DataError, match="2 against 1"):
        stats.paired_difference([1, 0], [1], seed=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_equals_statsmodels(p_values):
    from statsmodels.stats.multitest import multipletests

    wanted = multipletests(p_values, method="holm")[1]
    assert stats.holm(p_values) == pytest.approx(wanted.tolist())


def test_holm_of_nothing_is_nothing():
    assert stats.holm([]) == []


@given(st.integers(20, 5000), st.floats(0.02, 0.9))
def test_detectable_difference_needs_just_these_items(n, discordance):
    gap = stats.detectable_difference(n, discordance)
    if gap < 1:
        assert abs(stats.items_needed(gap, discordance) - n) <= 1


def test_promised_power_is_reached():
    n = stats.items_needed(0.1, 0.2)
    draw = np.random.default_rng(2)
    found = 0
    for _ in range(400):
        kind = draw.choice(3, size=n, p=[0.15, 0.05, 0.8])
        found += stats.paired_difference(kind == 0, kind == 1, seed=0).p_value < 0.05
    assert found / 400 > 0.74


def test_no_number_of_items_shows_no_difference():
    with pytest.raises(DataError, match="difference of 0"):
        stats.items_needed(0.0, 0.1)
