"""The report's figures: quality against cost, learning curve, reliability, confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from metier.decision.report import format as fmt
from metier.decision.report import svg
from metier.decision.report.rows import tick
from metier.decision.report.tally import Bin, Confusion, CostView
from metier.decision.report.view import Rung
from metier.types import CurvePoint, Estimate

LEFT, TOP, BOTTOM = 52, 14, 46
NUMBERS_UP_TO = 16
"""Labels of a confusion matrix up to which its cells have room for their counts."""


def cost_plot(view: CostView, unit: fmt.Measure, *, width: int, height: int) -> Markup:
    """Draw quality against cost on a log axis, intervals in both directions, the front stepped."""
    right = width - (20 if width < 500 else 110)
    x = svg.logarithmic(
        [end for p in view.points for end in (max(p.cost.low, p.cost.value / 10), p.cost.high)],
        LEFT + 12,
        right,
    )
    y = _quality_axis([point.quality for point in view.points], unit, height)
    money = view.key == "cost"
    title = "US dollars per thousand calls" if money else "seconds per call"
    marks = [
        svg.up(y, LEFT, width - 12, tick(unit)),
        svg.across(
            x, height - BOTTOM, _dollars if money else fmt.duration, title=f"{title} (log scale)"
        ),
        _front(view, x, y),
    ]
    for point in view.points:
        ink = point.rung.ink
        marks.append(svg.whisker(point.cost, x, y(point.quality.value), ink))
        marks.append(svg.whisker(point.quality, y, x(point.cost.value), ink, upright=True))
    marks.extend(_points(view, x, y, svg.Box(LEFT, 0, width - 4, height - BOTTOM)))
    alt = f"{unit.title} against {title}, a point with 95 % intervals for each rung"
    return svg.picture(width, height, alt, *marks)


def curve_plot(
    points: Sequence[CurvePoint], rungs: Sequence[Rung], unit: fmt.Measure, *, width: int
) -> Markup:
    """Draw quality by training rows per class, one labelled line with intervals for each rung."""
    height, room = 330, 120 if width > 500 else 92
    lines = [
        (rung, sorted(mine, key=lambda one: one.rows_per_class))
        for rung in rungs
        if (mine := [one for one in points if one.rung == rung.name])
    ]
    counts = sorted({one.rows_per_class for one in points})
    bare = svg.logarithmic([max(one, 0.5) for one in counts], LEFT + 12, width - room)
    x = svg.Axis(bare.low, bare.high, bare.start, bare.stop, tuple(map(float, counts)), log=True)
    y = _quality_axis([one.quality for one in points], unit, height)
    marks = [
        svg.up(y, LEFT, width - room, tick(unit)),
        svg.across(x, height - BOTTOM, fmt.count, title="training rows per class (log scale)"),
    ]
    heights = _apart([y(mine[-1].quality.value) for _, mine in lines])
    for order, (rung, mine) in enumerate(lines):
        # A few pixels aside, so that intervals at the same count stay apart.
        shift = 4.0 * (order - (len(lines) - 1) / 2)
        places = [(x(one.rows_per_class) + shift, y(one.quality.value)) for one in mine]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        marks.append(svg.tag("polyline", points=path, class_=f"line {rung.ink}"))
        for one, (at, level) in zip(mine, places, strict=True):
            marks.append(svg.whisker(one.quality, y, at, rung.ink, upright=True))
            marks.append(svg.dot(at, level, rung.ink, radius=4))
        name = svg.short(rung.name, 16 if width > 500 else 12)
        label_x = x(mine[-1].rows_per_class) + 2 * len(lines) + 10
        marks.append(
            svg.tag("text", name, x=label_x, y=heights[order] + 4, class_=f"label {rung.ink}")
        )
    alt = f"{unit.title} by training rows per class, with 95 % intervals"
    return svg.picture(width, height, alt, *marks)


def reliability_plot(bins: Sequence[Bin], rung: Rung) -> Markup:
    """Draw how often answers of a stated confidence were right; the bars below count items."""
    width, height, left, top, size = 240, 270, 38, 8, 180
    x = svg.Axis(0, 1, left, left + size, (0, 0.5, 1))
    y = svg.Axis(0, 1, top + size, top, (0, 0.5, 1))
    most = max(one.right.n for one in bins)
    marks = [
        svg.up(y, left, left + size, lambda value: fmt.percent(value, digits=0)),
        svg.line(x(0), y(0), x(1), y(1), "diagonal"),
    ]
    for one in bins:
        at, bar = x(one.confidence), 18 * one.right.n / most
        marks.append(svg.whisker(one.right, y, at, rung.ink, upright=True))
        marks.append(svg.dot(at, y(one.right.value), rung.ink, radius=3.5 + 2 * one.right.n / most))
        marks.append(
            svg.tag(
                "rect",
                svg.tag("title", f"{fmt.count(one.right.n)} items"),
                x=at - 5,
                y=top + size + 26 - bar,
                width=10,
                height=max(bar, 1.0),
                class_=f"bar {rung.ink}",
            )
        )
    labels = svg.across(
        x, top + size + 24, lambda v: fmt.percent(v, digits=0), title="stated confidence"
    )
    told = "; ".join(
        f"{fmt.percent(one.confidence, digits=0)} stated, {fmt.percent(one.right.value, digits=0)}"
        f" right of {one.right.n}"
        for one in bins
    )
    return svg.picture(width, height, f"Reliability of {rung.name}: {told}", *marks, labels)


def confusion_plot(table: Confusion, rung: Rung) -> Markup:
    """Draw counts of answers (columns) by target (rows), shaded by the share of the row."""
    many = len(table.answers)
    cell = 46 if many <= 8 else 36 if many <= NUMBERS_UP_TO else 14
    limit = 26
    longest = max(len(svg.short(one, limit)) for one in (*table.targets, *table.answers))
    small = many > NUMBERS_UP_TO
    room = (4.6 if small else svg.CHARACTER) * longest + 14
    slant = room * 0.72 + 8
    css = "label small" if small else "label"
    marks = []
    for row, target in enumerate(table.targets):
        middle = slant + row * cell + cell / 2
        marks.append(
            svg.tag("text", svg.short(target, limit), x=room - 8, y=middle + 4, text_anchor="end",
                    class_=css)
        )  # fmt: skip
        total = max(table.total(target), 1)
        for column, answer in enumerate(table.answers):
            count = table.counts.get((target, answer), 0)
            if count or not small:
                corner = (room + column * cell, slant + row * cell)
                marks.append(_cell((target, answer), count, count / total, (*corner, cell)))
    for column, answer in enumerate(table.answers):
        at = room + column * cell + cell / 2
        turn = f"translate({at:.1f} {slant - 8:.1f}) rotate({-60 if small else -45})"
        marks.append(svg.tag("text", svg.short(answer, limit), transform=turn, class_=css))
    width = room + many * cell + slant * 0.9
    frame = svg.tag("rect", x=room, y=slant, width=many * cell, height=len(table.targets) * cell,
                    class_="frame")  # fmt: skip
    alt = f"Confusion matrix of {rung.name}: rows are targets, columns are answers"
    height = slant + len(table.targets) * cell + 4
    return svg.picture(width, height, alt, *marks, frame, css="matrix")


def _cell(
    pair: tuple[str, str], count: int, share: float, corner: tuple[float, float, int]
) -> Markup:
    left, top, size = corner
    right = pair[0] == pair[1]
    target, answer = (svg.short(one, 60) for one in pair)
    told = f"{target} answered as {answer}: {count} ({fmt.percent(share, digits=0)} of the row)"
    marks = [
        svg.tag("title", told),
        svg.tag("rect", x=left + 1, y=top + 1, width=size - 2, height=size - 2, rx=3,
                class_="hit" if right else "miss", style=f"fill-opacity:{_shade(share):.2f}"),
    ]  # fmt: skip
    if size > 20 and count:
        css = "on-dark" if share > 0.55 else "on-light"
        marks.append(
            svg.tag("text", fmt.count(count), x=left + size / 2, y=top + size / 2 + 4,
                    text_anchor="middle", class_=css)
        )  # fmt: skip
    return svg.tag("g", *marks)


def _shade(share: float) -> float:
    # The square root keeps rare confusions visible beside a full diagonal.
    return 0.0 if share == 0 else 0.08 + 0.87 * share**0.6


def _quality_axis(estimates: Sequence[Estimate], unit: fmt.Measure, height: int) -> svg.Axis:
    ends = [end for one in estimates for end in (one.low, one.high)]
    within = (0.0, 1.0) if unit.share else None
    return svg.linear(ends, height - BOTTOM, TOP, within=within)


def _dollars(value: float) -> str:
    return f"${fmt.number(value)}"


def _front(view: CostView, x: svg.Axis, y: svg.Axis) -> Markup:
    front = sorted((one for one in view.points if one.on_front), key=lambda one: one.cost.value)
    path, level = "", None
    for point in front:
        at, height = x(point.cost.value), y(point.quality.value)
        path += f"M{at:.1f} {height:.1f}" if level is None else f"H{at:.1f}V{height:.1f}"
        level = height
    return svg.tag("path", d=path + f"H{x.stop:.1f}", class_="front") if path else Markup("")


def _points(view: CostView, x: svg.Axis, y: svg.Axis, inside: svg.Box) -> list[Markup]:
    places = [(one, x(one.cost.value), y(one.quality.value)) for one in view.points]
    taken = [svg.Box(a - 7, b - 7, a + 7, b + 7) for _, a, b in places]
    for point, a, b in places:
        taken.append(svg.Box(a - 2, y(point.quality.high), a + 2, y(point.quality.low)))
        taken.append(svg.Box(x(point.cost.low), b - 2, x(point.cost.high), b + 2))
    marks = []
    for point, a, b in places:
        name = svg.short(point.rung.name)
        box = svg.place(a, b, name, inside=inside, taken=taken)
        taken.append(box)
        bold = " chosen" if point.rung.recommended else ""
        if bold:
            marks.append(svg.tag("circle", cx=a, cy=b, r=10, class_=f"ring {point.rung.ink}"))
        told = svg.tag("title", f"{point.rung.name}{'' if point.on_front else ' (dominated)'}")
        marks.append(svg.tag("g", told, svg.dot(a, b, point.rung.ink, radius=6)))
        # Anchored on the side of its point, so a generous width estimate leaves no gap.
        left = box.right <= a
        marks.append(
            svg.tag("text", name, x=box.right if left else box.left, y=box.bottom - 3,
                    text_anchor="end" if left else "start", class_=f"label{bold} {point.rung.ink}")
        )  # fmt: skip
    return marks


def _apart(heights: Sequence[float], gap: float = 15.0) -> list[float]:
    """Move labels' heights apart until none overlap, in their order on the page."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for above, under in pairwise(order):
        moved[under] = max(moved[under], moved[above] + gap)
    return moved
