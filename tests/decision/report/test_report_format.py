"""Numbers read with unit, interval and n."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.decision.report import format as fmt
from metier.types import Estimate

THIN, HARD = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0.0, "$0"),
        (0.0004, "<$0.001"),
        (0.02341, "$0.023"),
        (1.5, "$1.50"),
        (12345.6, "$12,346"),
    ],
)
def test_money_keeps_the_digits_that_matter(value, text):
    assert fmt.money(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0 s"),
        (4.29e-4, "429 µs"),
        (0.0859, "85.9 ms"),
        (2.3, "2.3 s"),
        (125, "2 min 5 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations_choose_their_unit(value, text):
    assert fmt.duration(value).replace(THIN, " ") == text


def test_an_estimate_carries_its_interval_and_n():
    text = fmt.full(Estimate(0.8612, 0.836, 0.884, 1200), fmt.measure("accuracy"))
    assert text.replace(THIN, " ").replace(HARD, " ") == "86.1 % (83.6–88.4 %, n = 1,200)"


def test_differences_are_signed_and_zero_is_not():
    assert fmt.points(0.021).startswith("+2.1")
    assert fmt.points(-0.021).startswith("−2.1")
    assert fmt.points(-0.0001).startswith("0.0")


def test_small_p_values_name_their_bound():
    assert fmt.p_value(1e-9).replace(HARD, " ") == "p < 0.001"
    assert fmt.p_value(0.0345).replace(HARD, " ") == "p = 0.035"
    assert fmt.p_value(0.5).replace(HARD, " ") == "p = 0.50"


def test_an_interval_names_a_shared_unit_once():
    assert (
        fmt.duration_span(Estimate(0.086, 0.0852, 0.0866, 9)).replace(THIN, " ") == "85.2–86.6 ms"
    )
    assert fmt.duration_span(Estimate(1, 0.9, 1.1, 9)).replace(THIN, " ") == "900 ms–1.1 s"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_numbers_keep_three_significant_digits(value):
    text = fmt.number(value).replace(",", "").replace("−", "-")
    assert float(text) == pytest.approx(value, rel=0.0051, abs=1e-300)
