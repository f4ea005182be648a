"""``metier run``: the whole loop, from the recipe to the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, bars, show, show_json
from metier.cli.project import ProjectOption, RecipeArgument


def run(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Ingest, build every rung, measure, decide, report, release.

    It goes on where it was stopped. Exit code 1 when no rung passes the recipe's gates.
    """
    from metier import api
    from metier.decision import report as reports

    with bars() as progress:
        result = api.run(recipe, project=project, progress=progress)
    if as_json:
        paths = {"page": str(result.page), "specialist": str(result.specialist or "")}
        show_json({**reports.as_json(result.report), **paths})
    else:
        show(reports.terminal(result.report))
        show(f"report:     {result.page}")
        if result.specialist:
            show(f"specialist: {result.specialist}")
        else:
            show(
                "specialist: none is recommended; `metier release --rung NAME` releases one anyway"
            )
    if result.decision.verdict == "none_passes":
        raise typer.Exit(1)
