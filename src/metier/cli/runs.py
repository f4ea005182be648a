"""``metier runs``: what ran in a project folder, from the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json
from metier.cli.project import ProjectOption, known_project


def runs(
    recipe: Annotated[Path, typer.Argument(help="The recipe, or its folder.")] = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """List the runs and the steps that each was the first to build."""
    from rich.table import Table

    store = known_project(recipe, project)
    rows = [{**run, "steps": store.steps(run["id"])} for run in store.runs()]
    if as_json:
        show_json(rows)
        return
    table = Table("run", "name", "started", "status", "seconds", "step", box=None)
    for run in rows:
        seconds = "" if run["seconds"] is None else f"{run['seconds']:.1f}"
        table.add_row(str(run["id"]), run["name"], run["started"][:19], run["status"], seconds, "")
        for step in run["steps"]:
            took = "" if step["seconds"] is None else f"{step['seconds']:.1f}"
            table.add_row("", "", step["started"][:19], step["status"], took, step["kind"])
    show(table)
