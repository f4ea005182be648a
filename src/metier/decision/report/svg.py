"""Axes, marks and labels of inline SVG; colours come from the page's style sheet by class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from metier.types import Estimate

CHARACTER = 6.7
"""Width of an average character at the plots' 12 px, in px; generous, so labels do not touch."""


def tag(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """Write one element; text and attribute values are escaped, ``_`` in names becomes ``-``."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{pairs}>{inside}</{name}>" if inside else f"<{name}{pairs}/>")


def picture(width: float, height: float, alt: str, *children: Markup, css: str = "") -> Markup:
    """Wrap marks into an ``<svg>`` with its text alternative."""
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=alt,
        class_=f"plot {css}".strip(),
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """Data values to pixels along one direction; values outside are drawn at the edge."""

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of ``value``."""
        value = min(max(value, self.low), self.high)
        if self.log:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.stop - self.start)


def linear(
    values: Sequence[float],
    start: float,
    stop: float,
    *,
    wanted: int = 5,
    within: tuple[float, float] | None = None,
) -> Axis:
    """Span all ``values`` with an axis that ends on round ticks, at most the range ``within``."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    step = _round_step((high - low) / max(wanted, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(k * step, 10) for k in range(first, last + 1)]
    if within is not None:
        ticks = [tick for tick in ticks if within[0] <= tick <= within[1]] or list(within)
    return Axis(min(ticks[0], ticks[-1] - step), ticks[-1], start, stop, tuple(ticks))


def logarithmic(values: Sequence[float], start: float, stop: float) -> Axis:
    """Span positive ``values`` with some air; ticks at powers of ten, 2 and 5 when few decades."""
    low, high = min(values) / 1.6, max(values) * 1.6
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(decades) <= 3 else (1,)
    candidates = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [tick for tick in candidates if low <= tick <= high] or [math.sqrt(low * high)]
    return Axis(low, high, start, stop, tuple(ticks), log=True)


def across(axis: Axis, y: float, text: Callable[[float], str], *, title: str = "") -> Markup:
    """Draw the labels of a horizontal axis at height ``y``."""
    labels = [
        tag("text", text(tick), x=axis(tick), y=y + 16, text_anchor="middle", class_="tick")
        for tick in axis.ticks
    ]
    middle = (axis.start + axis.stop) / 2
    name = tag("text", title, x=middle, y=y + 36, text_anchor="middle", class_="axis")
    return Markup("").join([*labels, name] if title else labels)


def up(axis: Axis, x: float, right: float, text: Callable[[float], str]) -> Markup:
    """Draw a vertical axis' labels left of ``x`` and its grid lines to ``right``."""
    return Markup("").join(
        line(x, axis(tick), right, axis(tick), "grid")
        + tag("text", text(tick), x=x - 8, y=axis(tick) + 4, text_anchor="end", class_="tick")
        for tick in axis.ticks
    )


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """Draw a straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=css)


def dot(x: float, y: float, css: str, *, radius: float = 5) -> Markup:
    """Draw a point."""
    return tag("circle", cx=x, cy=y, r=radius, class_=f"dot {css}")


def whisker(
    estimate: Estimate, axis: Axis, at: float, css: str, *, upright: bool = False, cap: float = 3.5
) -> Markup:
    """Draw an interval with caps, along ``axis`` at the other coordinate ``at``."""
    a, b = axis(estimate.low), axis(estimate.high)
    if upright:
        marks = [(at, a, at, b), (at - cap, a, at + cap, a), (at - cap, b, at + cap, b)]
    else:
        marks = [(a, at, b, at), (a, at - cap, a, at + cap), (b, at - cap, b, at + cap)]
    return Markup("").join(line(*mark, f"whisker {css}") for mark in marks)


def short(text: str, limit: int = 22) -> str:
    """Cut a label to what a plot has room for."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the plot, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Return the area that both cover, in square px."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


def place(x: float, y: float, text: str, *, inside: Box, taken: Sequence[Box]) -> Box:
    """Find room for a label beside the point (x, y): the spot that covers least of ``taken``."""
    width, height, gap = CHARACTER * len(text), 15.0, 10.0
    # Above or below the middle first: whiskers and the front run through the middle.
    heights = [y + shift - height / 2 for shift in (-13, 13, 0, -26, 26)]
    spots = [(x + gap, top) for top in heights] + [(x - gap - width, top) for top in heights]
    spots += [(x - width / 2, y - gap - height), (x - width / 2, y + gap)]

    def badness(rank_spot: tuple[int, tuple[float, float]]) -> float:
        rank, (left, top) = rank_spot
        box = Box(left, top, left + width, top + height)
        outside = width * height - box.overlap(inside)
        return 3 * outside + sum(box.overlap(other) for other in taken) + rank

    left, top = min(enumerate(spots), key=badness)[1]
    return Box(left, top, left + width, top + height)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= step * 0.999)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".rstrip("0").rstrip(".")
    return str(value)
