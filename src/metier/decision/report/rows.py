"""Small plots for table cells that share one axis: a dot with its interval in every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from metier.decision.report import format as fmt
from metier.decision.report import svg
from metier.types import Estimate

WIDTH, HEIGHT, EDGE = 230, 34, 16
BLEED = 60
"""Lines and band overhang a row by this much; the cell clips them, so they run through all rows."""

WIDEST_RATIO = 2.0
"""Where an axis of ratios ends at the latest: a base that is seldom right leaves room for any, and
one such row would press all others together. What lies beyond is drawn at the edge."""


@dataclass(frozen=True, slots=True)
class RowPlot:
    """The shared axis of a column; each cell is drawn with ``cell``, the head with ``head``."""

    axis: svg.Axis
    text: Callable[[float], str]
    band: tuple[float, float] | None = None
    """A shaded stretch behind all rows."""
    reference: float | None = None
    """A line through all rows."""

    def head(self) -> Markup:
        """Draw the ticks' labels."""
        labels = svg.across(self.axis, 0, self.text)
        return svg.picture(WIDTH, 22, "axis", labels, css="row")

    def cell(self, estimate: Estimate | None, ink: str, alt: str) -> Markup:
        """Draw one row."""
        marks = [self._band()] if self.band else []
        marks += [self._upright(tick, "grid") for tick in self.axis.ticks]
        if self.reference is not None:
            marks.append(self._upright(self.reference, "reference"))
        if estimate is not None:
            # Caps higher than the dot keep an interval in sight that is narrower than the dot.
            marks.append(svg.whisker(estimate, self.axis, HEIGHT / 2, ink, cap=6))
            marks.append(svg.dot(self.axis(estimate.value), HEIGHT / 2, ink, radius=3.6))
        return svg.picture(WIDTH, HEIGHT, alt, *marks, css="row")

    def _upright(self, value: float, css: str) -> Markup:
        at = self.axis(value)
        return svg.line(at, -BLEED, at, HEIGHT + BLEED, css)

    def _band(self) -> Markup:
        low, high = self.axis((self.band or (0, 0))[0]), self.axis((self.band or (0, 0))[1])
        return svg.tag(
            "rect",
            x=low,
            y=-BLEED,
            width=high - low,
            height=HEIGHT + 2 * BLEED,
            class_="band",
        )


def quality_rows(
    estimates: Sequence[Estimate | None], unit: fmt.Measure, best: Estimate | None
) -> RowPlot:
    """Put the rungs' metric on one axis, the interval of ``best`` shaded."""
    axis = svg.linear(
        _ends(estimates), EDGE, WIDTH - EDGE, within=(0.0, 1.0) if unit.share else None
    )
    return RowPlot(axis, tick(unit), band=(best.low, best.high) if best else None)


def difference_rows(estimates: Sequence[Estimate], unit: fmt.Measure, detectable: float) -> RowPlot:
    """Put paired differences on one axis around zero, what cannot be detected shaded."""
    ends = [*_ends(estimates), -detectable, detectable]
    axis = svg.linear(ends, EDGE, WIDTH - EDGE, wanted=4)

    def text(value: float) -> str:
        return fmt.signed(100 * value, digits=0) if unit.share else fmt.number(value)

    return RowPlot(axis, text, band=(-detectable, detectable), reference=0.0)


def ratio_rows(estimates: Sequence[Estimate]) -> RowPlot:
    """Put retention ratios on one axis with a line at 100 %."""
    ends = [min(end, WIDEST_RATIO) for end in _ends(estimates)]
    axis = svg.linear([*ends, 1.0], EDGE, WIDTH - EDGE, wanted=4)
    return RowPlot(axis, lambda value: fmt.percent(value, digits=0), reference=1.0)


def tick(unit: fmt.Measure) -> Callable[[float], str]:
    """Return how a metric's axis labels read."""
    return (lambda value: fmt.percent(value, digits=0)) if unit.share else fmt.number


def _ends(estimates: Sequence[Estimate | None]) -> list[float]:
    known = [estimate for estimate in estimates if estimate is not None]
    return [end for one in known for end in (one.low, one.value, one.high)]
