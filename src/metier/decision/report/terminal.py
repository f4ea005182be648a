"""The report in the terminal, readable at 80 columns and without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from metier.decision.report import format as fmt
from metier.decision.report.rows import WIDEST_RATIO
from metier.decision.report.view import View, headline, look
from metier.types import Estimate, RunReport

_STYLES = {"ship": "green", "cannot_tell": "yellow", "none_passes": "red"}
_BAR = 20
"""Widest interval bar, in characters."""


def terminal(report: RunReport) -> RenderableType:
    """Build what ``Console.print`` shows: verdict, ladder, comparisons, retention, data notes.

    Texts of the run are never read as markup. Where output is no terminal, rich leaves out the
    colours, and boxes and bars become ASCII where the encoding asks for it.
    """
    view = look(report)
    parts: list[RenderableType] = [_verdict(view), _ladder(view), _costs(view)]
    parts += [_kinds(view)] if any(rung.card.kinds for rung in view.rungs) else []
    parts += [_comparisons(view)] if report.decision.comparisons else []
    parts += [_retention(view)] if report.retention else []
    parts += [_notes(view)]
    return Group(*(part for one in parts for part in (one, Text())))


@dataclass(frozen=True, slots=True)
class IntervalBar:
    """An interval on an axis from ``low`` to ``high``, in one line of characters."""

    estimate: Estimate | None
    low: float
    high: float
    reference: float | None = None
    """Where to draw an upright line, as at no difference."""

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, _BAR)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, _BAR)
        signs = "-*|" if options.ascii_only else "─●│"
        yield Segment(self.draw(width, signs))

    def draw(self, width: int, signs: str = "─●│") -> str:
        """Return the line; ``signs`` are stroke, point and reference."""
        cells = [" "] * width
        if self.reference is not None:
            cells[self._cell(self.reference, width)] = signs[2]
        if self.estimate is not None:
            left, right = (
                self._cell(end, width) for end in (self.estimate.low, self.estimate.high)
            )
            cells[left : right + 1] = signs[0] * (right + 1 - left)
            cells[self._cell(self.estimate.value, width)] = signs[1]
        return "".join(cells)

    def _cell(self, value: float, width: int) -> int:
        span = self.high - self.low
        part = (value - self.low) / span if span > 0 else 0.5
        return round(min(max(part, 0.0), 1.0) * (width - 1))


def _verdict(view: View) -> Panel:
    decision = view.report.decision
    text = Text(headline(view), style="bold")
    for reason in decision.reasons:
        text.append(f"\n• {reason}", style="not bold")
    gap = decision.detectable_difference
    shown = fmt.points(gap).lstrip("+") if view.unit.share else fmt.number(gap)
    text.append(
        f"\nSmallest difference these items can show: {shown} (80 % power).", "not bold dim"
    )
    if decision.break_even_calls_per_month is not None:
        calls = fmt.count(decision.break_even_calls_per_month)
        text.append(f"\nPays back from {calls} calls a month.", "not bold dim")
    title = Text(view.report.name)
    return Panel(text, title=title, border_style=_STYLES[decision.verdict], title_align="left")


def _ladder(view: View) -> Table:
    table = _table(f"The ladder: {view.unit.title} with 95 % interval")
    low, high = _ends([rung.quality for rung in view.rungs], view.unit.share)
    axis = f"{fmt.percent(low, digits=0)} … {fmt.percent(high, digits=0)}"
    table.add_column("rung", min_width=10, overflow="fold")
    table.add_column(axis if view.unit.share else "", min_width=8)
    for name in ("value", "interval", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("gates", no_wrap=True)
    for rung in view.rungs:
        style = "bold green" if rung.recommended else ""
        table.add_row(
            Text(f"{'▶ ' if rung.recommended else '  '}{rung.name}", style),
            IntervalBar(rung.quality, low, high),
            Text(fmt.value_of(rung.quality, view.unit), style),
            fmt.span_of(rung.quality, view.unit),
            fmt.count(rung.quality.n if rung.quality else None),
            {None: fmt.MISSING, True: "pass", False: "FAIL"}[rung.passed],
        )
    return table


def _kinds(view: View) -> Table:
    table = _table(f"By kind of question: {view.unit.title} with 95 % interval")
    table.add_column("rung, kind", overflow="fold")
    for name in ("value", "interval", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for rung in view.rungs:
        for kind, estimate in rung.card.kinds.items():
            table.add_row(
                Text(f"  {rung.name}: {kind}"),
                fmt.value_of(estimate, view.unit),
                fmt.span_of(estimate, view.unit),
                fmt.count(estimate.n),
            )
    return table


def _costs(view: View) -> Table:
    table = _table("Cost of a call: means; intervals stand in the page and in the JSON")
    table.add_column("rung", min_width=10, overflow="fold")
    for name in ("$/1,000 calls", "time", "tokens in", "out", "training", "macro-F1"):
        table.add_column(name, justify="right")
    for rung in view.rungs:
        metrics, price = rung.card.metrics, rung.card.cost_per_thousand
        seconds, f1 = metrics.get("seconds"), metrics.get("macro_f1")
        tokens = [metrics.get(key) for key in ("prompt_tokens", "completion_tokens")]
        table.add_row(
            Text(f"  {rung.name}"),
            fmt.money(price.value if price else None),
            fmt.duration(seconds.value if seconds else None),
            *(fmt.number(one.value if one else None) for one in tokens),
            fmt.training(rung.candidate.train_seconds if rung.candidate else None),
            fmt.percent(f1.value if f1 else None),
        )
    return table


def _comparisons(view: View) -> Table:
    table = _table("Paired comparisons (p after Holm)")
    comparisons = view.report.decision.comparisons
    low, high = _ends([one.difference for one in comparisons], False)
    low, high = min(low, 0.0), max(high, 0.0)
    table.add_column("rung against rung", overflow="fold")
    table.add_column("", min_width=8)
    for name in ("difference", "interval", "wins:losses", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in comparisons:
        share = fmt.measure(one.metric).share
        gap = one.difference
        table.add_row(
            Text(f"{one.rung}\n  − {one.against}"),
            IntervalBar(gap, low, high, reference=0.0),
            fmt.points(gap.value) if share else fmt.signed(gap.value, digits=2),
            fmt.points_span(gap) if share else fmt.span_of(gap, fmt.measure(one.metric)),
            f"{one.wins}:{one.losses}",
            Text(fmt.bare_p(one.p_adjusted), "bold" if one.p_adjusted < 0.05 else ""),
        )
    return table


def _retention(view: View) -> Table:
    table = _table("What tuning kept of the base model")
    low, high = _ends([one.ratio for one in view.report.retention], False)
    low, high = min(low, 1.0), min(max(high, 1.0), WIDEST_RATIO)
    table.add_column("rung, suite", overflow="fold")
    table.add_column("", min_width=8)
    for name in ("kept", "interval", "base", "tuned", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in view.report.retention:
        table.add_row(
            Text(f"{one.rung}\n  {one.suite}"),
            IntervalBar(one.ratio, low, high, reference=1.0),
            fmt.percent(one.ratio.value),
            fmt.percent_span(one.ratio),
            fmt.percent(one.base.value),
            fmt.percent(one.tuned.value),
            fmt.count(one.ratio.n),
        )
    return table


def _notes(view: View) -> Text:
    report, lines = view.report, []
    corpus, data = report.corpus, report.dataset
    lines.append(
        f"Data: {fmt.count(corpus.documents_in)} documents in, {fmt.count(corpus.documents)} stand"
        + _dropped(corpus.dropped)
        + f", {fmt.count(corpus.malformed_count)} malformed; {fmt.count(len(data.train))} train,"
        f" {fmt.count(len(data.dev))} dev, {fmt.count(len(data.test))} test"
        + _dropped(data.dropped)
        + "."
    )
    if made := report.generation:
        lines.append(
            f"Questions: {fmt.count(made.accepted)} of {fmt.count(made.written)} written were kept"
            f"{_dropped(made.rejected)}."
        )
        lines += [f"{hint}." for hint in made.hints]
    lines += [f"Left out: {name}: {reason}." for name, reason in report.left_out.items()]
    if report.leak_probe:
        chance = report.leak_probe.chance
        told = "; ".join(
            f"{step} {fmt.full(estimate, fmt.measure('accuracy'))}"
            + (" ABOVE CHANCE" if estimate.low > chance else "")
            for step, estimate in report.leak_probe.removed.items()
        )
        lines.append(f"Leak probe on removed text (chance {fmt.percent(chance)}): {told}.")
    for one in report.overlaps:
        found = f"{fmt.count(len(one.hits))} of {fmt.count(one.test_items)} test items"
        lines.append(f"Overlap with {one.against} by {one.by}: {found}.")
    return Text("\n".join(lines))


def _dropped(reasons: Mapping[str, int]) -> str:
    told = ", ".join(f"{reason} {fmt.count(count)}" for reason, count in reasons.items())
    return f" (dropped: {told})" if told else ""


def _table(title: str) -> Table:
    return Table(
        title=Text(title, "bold"), title_justify="left", box=None, pad_edge=False, padding=(0, 1)
    )


def _ends(estimates: Sequence[Estimate | None], share: bool) -> tuple[float, float]:
    ends = [end for one in estimates if one for end in (one.low, one.high)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    # Shares start at whole tenths, so that the axis' ends can be named.
    return (int(low * 10) / 10, -int(-high * 10 // 1) / 10) if share else (low, high)
