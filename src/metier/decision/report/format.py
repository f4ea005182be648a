"""How numbers read: unit, interval, money, durations and p-values, for page and terminal alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from metier.types import Estimate

MISSING = "—"
_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NARROW NO-BREAK SPACE}"
_HARD = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Measure:
    """How one metric of a scorecard is named and shown."""

    key: str
    title: str
    share: bool
    """Whether it is a part of 1 and reads as a percentage."""


_MEASURES = {
    measure.key: measure
    for measure in (
        Measure("accuracy", "accuracy", share=True),
        Measure("macro_f1", "macro-F1", share=True),
        Measure("exact_match", "exact match", share=True),
        Measure("token_f1", "token F1", share=True),
        Measure("off_enum_rate", "off-list answers", share=True),
        Measure("calibration_error", "calibration error", share=True),
        Measure("prompt_tokens", "tokens in", share=False),
        Measure("completion_tokens", "tokens out", share=False),
        Measure("seconds", "seconds per call", share=False),
    )
}


def measure(key: str) -> Measure:
    """Return how ``key`` reads; metrics of plugins count as shares, as their scores lie in 0..1."""
    return _MEASURES.get(key) or Measure(key, key.replace("_", " "), share=True)


def percent(value: float | None, *, digits: int = 1) -> str:
    """Show a share as a percentage: ``0.8612`` is ``86.1 %``."""
    return MISSING if value is None else f"{_fixed(100 * value, digits)}{_THIN}%"


def points(value: float | None, *, digits: int = 1) -> str:
    """Show a difference of shares in percentage points, always signed: ``+2.3 pts``."""
    return MISSING if value is None else f"{signed(100 * value, digits=digits)}{_THIN}pts"


def points_span(estimate: Estimate | None) -> str:
    """Show the interval of a difference of shares, in points."""
    if estimate is None:
        return MISSING
    return f"{signed(100 * estimate.low)} to {signed(100 * estimate.high)}"


def percent_span(estimate: Estimate | None) -> str:
    """Show the interval of a share: ``83.6–88.4 %``."""
    if estimate is None:
        return MISSING
    return f"{_fixed(100 * estimate.low, 1)}–{_fixed(100 * estimate.high, 1)}{_THIN}%"


def value_of(estimate: Estimate | None, unit: Measure) -> str:
    """Show an estimate's value in its metric's unit."""
    if estimate is None:
        return MISSING
    return percent(estimate.value) if unit.share else number(estimate.value)


def span_of(estimate: Estimate | None, unit: Measure) -> str:
    """Show an estimate's interval in its metric's unit."""
    if estimate is None:
        return MISSING
    if unit.share:
        return percent_span(estimate)
    return f"{number(estimate.low)}–{number(estimate.high)}"


def full(estimate: Estimate | None, unit: Measure) -> str:
    """Show value, interval and number of items: ``86.1 % (83.6–88.4 %, n = 800)``."""
    if estimate is None:
        return MISSING
    items = f"n{_HARD}={_HARD}{count(estimate.n)}"
    return f"{value_of(estimate, unit)} ({span_of(estimate, unit)}, {items})"


def number(value: float | None, *, significant: int = 3) -> str:
    """Show a plain number with three significant digits and thousands separated."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    decimals = significant - 1 - math.floor(math.log10(abs(value)))
    if decimals > 8:
        return f"{value:.{significant - 1}e}".replace("-", _MINUS)
    return _fixed(round(value, decimals), max(0, decimals), trim=True)


def count(value: float | None) -> str:
    """Show a number of things, thousands separated by a comma."""
    return MISSING if value is None else f"{value:,.0f}"


def signed(value: float, *, digits: int = 1) -> str:
    """Show a number with its sign, a true minus included; what rounds to zero has none."""
    text = _fixed(value, digits)
    return text if value < 0 or float(text.replace(",", "")) == 0 else f"+{text}"


def money(value: float | None) -> str:
    """Show US dollars: cents from a dollar on, two significant digits below, ``<$0.001`` for less.

    Prices are per thousand calls; a thousandth of a dollar for a thousand calls is nothing to
    anybody, and its digits would only fill the table.
    """
    if value is None:
        return MISSING
    if value == 0:
        return "$0"
    if 0 < value < 0.001:
        return "<$0.001"
    if abs(value) >= 1:
        return f"${value:,.2f}" if abs(value) < 1000 else f"${value:,.0f}"
    return f"${number(value, significant=2)}"


def money_span(estimate: Estimate | None) -> str:
    """Show the interval of a price; one figure when both ends read alike."""
    if estimate is None:
        return MISSING
    low, high = money(estimate.low), money(estimate.high)
    return low if low == high else f"{low}–{high.removeprefix('$')}"


def moment(iso: str) -> str:
    """Show a UTC time stamp to the minute; what is no time stamp stays as it is."""
    try:
        return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return iso


def duration(seconds: float | None) -> str:
    """Show a length of time in the unit that a person would choose: ``4 ms``, ``2 min 5 s``."""
    if seconds is None:
        return MISSING
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (60.0, 1.0, "s")):
        if seconds < limit and seconds > 0:
            return f"{number(seconds * factor)}{_THIN}{unit}"
    if seconds == 0:
        return f"0{_THIN}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{_THIN}min" + (f" {whole % 60}{_THIN}s" if whole % 60 else "")
    minutes = whole % 3600 // 60
    return f"{whole // 3600}{_THIN}h" + (f" {minutes}{_THIN}min" if minutes else "")


def training(seconds: float | None) -> str:
    """Show how long a rung took to build; what only keeps its settings took none."""
    return MISSING if seconds is not None and seconds < 1e-3 else duration(seconds)


def duration_span(estimate: Estimate | None) -> str:
    """Show the interval of a length of time; one figure when both ends read alike."""
    if estimate is None:
        return MISSING
    low, high = duration(estimate.low), duration(estimate.high)
    if low == high:
        return low
    # The unit once where both ends share it: 85.2–86.6 ms.
    unit = high.rpartition(_THIN)[2]
    single = low.count(_THIN) == high.count(_THIN) == 1 and low.endswith(_THIN + unit)
    return f"{low.removesuffix(_THIN + unit) if single else low}–{high}"


def p_value(value: float) -> str:
    """Show a p-value with its relation: ``p = 0.034``, ``p < 0.001``."""
    if value < 0.001:
        return f"p{_HARD}<{_HARD}0.001"
    return f"p{_HARD}={_HARD}{bare_p(value)}"


def bare_p(value: float) -> str:
    """Show a p-value for a column that is headed so: ``0.034``, ``< 0.001``."""
    if value < 0.001:
        return f"<{_HARD}0.001"
    return f"{value:.3f}" if value < 0.1 else f"{min(value, 1.0):.2f}"


def setting(value: object) -> str:
    """Show a value of a recipe or a trial: floats short, lists joined, nothing as a dash."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(setting(part) for part in value)
    return str(value)


def _fixed(value: float, digits: int, *, trim: bool = False) -> str:
    text = f"{value:,.{digits}f}"
    if trim and "." in text:
        text = text.rstrip("0").rstrip(".")
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else _MINUS + text[1:]
    return text
