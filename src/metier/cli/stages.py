"""``metier ingest|fit|evaluate|decide``: the loop's stages one at a time, in its order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json
from metier.cli.project import (
    ProjectOption,
    RecipeArgument,
    open_recipe,
    opened_pipeline,
)


def ingest(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    preview: Annotated[
        int,
        typer.Option(
            min=0, help="Show so many documents before and after cleaning; write nothing."
        ),
    ] = 0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Read the documents and clean them; say what was dropped and why."""
    from metier.cli.ingest_view import before_and_after, counts, shown_before_and_after
    from metier.serial import to_json

    if preview:
        opened = open_recipe(recipe)
        found = before_and_after(opened.recipe, preview, opened.file.absolute().parent)
        if as_json:
            show_json(found)
        else:
            show(shown_before_and_after(found))
        return
    with opened_pipeline(recipe, project) as pipeline:
        report = pipeline.ingested
    if as_json:
        show_json(to_json(report))
    else:
        show(counts(report))


def fit(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Build the ladder's rungs. None is measured on the test split yet."""
    from metier.serial import to_json

    with opened_pipeline(recipe, project) as pipeline:
        built = pipeline.candidates
    if as_json:
        show_json([to_json(b.candidate) for b in built.values()])
        return
    for name, b in built.items():
        show(f"{name:<20} {b.candidate.train_seconds:8.1f} s  {b.directory}")


def evaluate(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Measure the rungs on the test split. Tells too what tuning made the model forget."""
    from metier.serial import to_json

    with opened_pipeline(recipe, project) as pipeline:
        cards = pipeline.scorecards
        retained = pipeline.retention
    if as_json:
        metrics = [{"rung": c.rung, "metrics": to_json(dict(c.metrics))} for c in cards]
        show_json({"test": metrics, "retention": [to_json(r) for r in retained]})
        return
    for card in cards:
        show(f"{card.rung:<20} {pipeline.metric} {card.metrics[pipeline.metric]}")
    for kept in retained:
        show(f"{kept.rung:<20} kept of {kept.suite}: {kept.ratio}")


def decide(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Say which rung to ship and why. Exit code 1 when none passes the gates."""
    from metier.serial import to_json

    with opened_pipeline(recipe, project) as pipeline:
        decision = pipeline.decision
    if as_json:
        show_json(to_json(decision))
    else:
        show("\n".join(decision.reasons))
    if decision.verdict == "none_passes":
        raise typer.Exit(1)
