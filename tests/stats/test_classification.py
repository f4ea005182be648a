"""Macro-F1 equals scikit-learn's; calibration is measured without crying wolf."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier import stats

answers = st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(answers)
def test_macro_f1_equals_scikit_learn(both):
    from sklearn.metrics import f1_score

    said, meant = (np.array(side) for side in zip(*both, strict=True))
    labels = sorted((set(said.tolist()) | set(meant.tolist())) - {-1})
    wanted = f1_score(meant, said, labels=labels, average="macro", zero_division=0)
    assert float(stats.macro_f1(said, meant)) == pytest.approx(wanted)


def test_macro_f1_takes_many_resamples_at_once():
    draw = np.random.default_rng(0)
    said, meant = draw.integers(-1, 3, (5, 40)), draw.integers(0, 3, (5, 40))
    alone = [float(stats.macro_f1(a, b)) for a, b in zip(said, meant, strict=True)]
    assert stats.macro_f1(said, meant).tolist() == pytest.approx(alone)


def test_calibration_interval_covers_both_a_good_and_a_bad_model():
    draw = np.random.default_rng(3)
    held = {0.0: 0, 0.2: 0}
    for trial in range(100):
        sure = draw.uniform(0.5, 1.0, 400)
        for gap in held:
            right = draw.random(400) < sure - gap
            found = stats.calibration_error(sure, right, seed=trial, resamples=200)
            held[gap] += found.low <= gap <= found.high
    assert held[0.0] >= 85
    assert held[0.2] >= 90


def test_calibration_of_few_items_covers_the_truth():
    draw = np.random.default_rng(4)
    held = 0
    for trial in range(100):
        sure = draw.uniform(0.5, 1.0, 54)
        right = draw.random(54) < sure - 0.1
        found = stats.calibration_error(sure, right, seed=trial, resamples=200)
        held += found.low <= 0.1 <= found.high
    assert held >= 88


def test_calibration_of_equal_confidences_does_not_hang_on_the_order_of_items():
    right = [1] * 32 + [0] * 22
    shuffled = np.random.default_rng(5).permutation(right)
    for order in (right, shuffled):
        found = stats.calibration_error([0.6] * 54, order, seed=0, resamples=200)
        assert found.value == pytest.approx(0.6 - 32 / 54)
        assert found.low == 0


def test_calibration_of_one_item_is_unknown():
    assert stats.calibration_error([0.9], [1], seed=0).high == 1.0
