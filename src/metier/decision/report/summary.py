"""The report as plain data for ``--json``: everything but the items."""

from __future__ import annotations

from dataclasses import asdict

from metier.decision.report.page import split_sizes
from metier.decision.report.view import Rung, View, headline, look
from metier.types import Json, RunReport

VERSION = 1
"""Counted up when a key changes its meaning or goes away."""


def as_json(report: RunReport) -> dict[str, Json]:
    """Summarise a run without its items; every estimate is ``{value, low, high, n}``.

    Keys: ``version``, ``name``, ``created``, ``headline`` (the verdict in a sentence), ``metric``;
    ``verdict`` (verdict, rung, reasons, detectable_difference, items_needed,
    break_even_calls_per_month); ``ladder``, one object per rung in the ladder's order (rung,
    method, base, recommended, passed, items, metrics, kinds, cost_per_thousand in US dollars,
    train_seconds, usage in tokens, seconds, settings, trials, seed, versions); ``left_out``, a
    reason for each rung that was not built; ``comparisons``,
    ``gates``, ``retention``, ``curve`` as in ``metier.types``; ``data`` (dataset and corpus
    version, task, split sizes by label, the ingest report, how questions were generated,
    leak_probe, overlaps); ``versions``, ``hardware``, ``seconds``, ``recipe``. Missing is null.
    """
    view = look(report)
    decision = asdict(report.decision)
    comparisons, gates = decision.pop("comparisons"), decision.pop("gates")
    return {
        "version": VERSION,
        "name": report.name,
        "created": report.created,
        "headline": headline(view),
        "metric": report.metric,
        "verdict": decision,
        "ladder": [_rung(rung) for rung in view.rungs],
        "left_out": dict(report.left_out),
        "comparisons": comparisons,
        "gates": gates,
        "retention": [asdict(one) for one in report.retention],
        "curve": [asdict(one) for one in report.curve],
        "data": _data(view),
        "versions": dict(report.versions),
        "hardware": report.hardware,
        "seconds": report.seconds,
        "recipe": report.recipe,
    }


def _rung(rung: Rung) -> dict[str, Json]:
    card, candidate = rung.card, rung.candidate
    return {
        "rung": rung.name,
        "method": candidate.method if candidate else None,
        "base": candidate.base if candidate else None,
        "recommended": rung.recommended,
        "passed": rung.passed,
        "items": len(card.items),
        "metrics": {key: asdict(estimate) for key, estimate in card.metrics.items()},
        "kinds": {kind: asdict(estimate) for kind, estimate in card.kinds.items()},
        "cost_per_thousand": asdict(card.cost_per_thousand) if card.cost_per_thousand else None,
        "train_seconds": candidate.train_seconds if candidate else None,
        "usage": asdict(card.usage),
        "seconds": card.seconds,
        "settings": dict(candidate.settings) if candidate else {},
        "trials": [dict(trial) for trial in candidate.trials] if candidate else [],
        "seed": candidate.seed if candidate else None,
        "versions": dict(card.versions),
    }


def _data(view: View) -> dict[str, Json]:
    report = view.report
    return {
        "dataset": report.dataset.version,
        "task": asdict(report.dataset.task),
        "split": {
            label: {"train": train, "dev": dev, "test": test}
            for label, train, dev, test in split_sizes(report.dataset)
        },
        "corpus": asdict(report.corpus),
        "generation": asdict(report.generation) if report.generation else None,
        "leak_probe": asdict(report.leak_probe) if report.leak_probe else None,
        "overlaps": [asdict(one) for one in report.overlaps],
    }
