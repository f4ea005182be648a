"""The report as one HTML page that needs nothing beside itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from metier.decision.report import format as fmt
from metier.decision.report import plots, rows, tally
from metier.decision.report.items import OUTCOMES, gather, packed
from metier.decision.report.view import Rung, View, headline, look
from metier.types import CurvePoint, Dataset, Json, RunReport

_SURROGATE = re.compile("[\ud800-\udfff]")
STATIC_ITEMS = 50
"""Items that stand in the page as markup, for readers without JavaScript; all stand as data."""


def html(report: RunReport) -> str:
    """Render the whole report as one self-contained page, readable without JavaScript.

    Everything that comes from documents, models or the recipe is escaped.
    """
    view = look(report)
    items = gather(view)
    page = _environment().get_template("page.html")
    text = page.render(
        view=view,
        report=report,
        headline=headline(view),
        figures=_figures(view),
        tables=_tables(view),
        items=items,
        shown=items[:STATIC_ITEMS],
        outcomes=Counter(item.outcome for item in items),
        order=OUTCOMES,
        data=packed(view, items),
        splits=split_sizes(report.dataset),
    )
    # Broken input can hold lone surrogates, which no file can; the items' data keeps them escaped.
    return _SURROGATE.sub("\ufffd", text)


def split_sizes(dataset: Dataset) -> list[tuple[str, int, int, int]]:
    """Count examples by label and split, all of them last; labels only where the task has them."""
    train, dev, test = (
        Counter(example.target for example in part)
        for part in (dataset.train, dataset.dev, dataset.test)
    )
    rows = [(label, train[label], dev[label], test[label]) for label in dataset.task.labels]
    return [*rows, ("all", train.total(), dev.total(), test.total())]


def _figures(view: View) -> Mapping[str, object]:
    """Draw the figures; those with text come twice, for wide and for narrow screens."""
    costs = tally.cost_view(view.rungs)
    curve = view.report.curve
    labels = view.report.dataset.task.labels
    bins = {rung.name: tally.reliability(rung, view.report.metric) for rung in view.rungs}
    tables = {rung.name: tally.confusion(rung.card.items, labels) for rung in view.rungs}
    return {
        "cost": _both(
            plots.cost_plot(costs, view.unit, width=1080, height=440),
            plots.cost_plot(costs, view.unit, width=350, height=360),
        )
        if costs
        else None,
        "costs": costs,
        "curve": _curve(view, curve) if curve else None,
        "reliability": [
            (rung, plots.reliability_plot(bins[rung.name], rung))
            for rung in view.rungs
            if bins[rung.name]
        ],
        "confusion": [
            (rung, plots.confusion_plot(tables[rung.name], rung), tables[rung.name].mistakes())
            for rung in _focus_first(view)
            if labels and rung.card.items
        ],
    }


def _curve(view: View, curve: Sequence[CurvePoint]) -> Markup:
    return _both(
        plots.curve_plot(curve, view.rungs, view.unit, width=1080),
        plots.curve_plot(curve, view.rungs, view.unit, width=350),
    )


def _both(wide: Markup, narrow: Markup) -> Markup:
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(wide, narrow)


def _tables(view: View) -> Mapping[str, object]:
    """Prepare the plots that stand in table cells."""
    decision = view.report.decision
    differences = [one.difference for one in decision.comparisons]
    best = view.focus.quality
    return {
        "quality": rows.quality_rows([rung.quality for rung in view.rungs], view.unit, best),
        "difference": rows.difference_rows(differences, view.unit, decision.detectable_difference),
        "ratio": rows.ratio_rows([one.ratio for one in view.report.retention]),
        "ink": {rung.name: rung.ink for rung in view.rungs},
    }


def _focus_first(view: View) -> list[Rung]:
    return sorted(view.rungs, key=lambda rung: rung.index != view.focus.index)


def _trial_columns(trials: Sequence[Mapping[str, Json]]) -> list[str]:
    return list(dict.fromkeys(key for trial in trials for key in trial))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        # By default Jinja escapes nothing; documents may hold markup and scripts.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(fmt=fmt, measure=fmt.measure, columns=_trial_columns)
    return environment
