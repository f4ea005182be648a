"""``metier report``: show the last run's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from metier.cli.console import JSON_OPTION, show, show_json
from metier.cli.project import ProjectOption, RecipeArgument, project_folder


def report(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Show the last run's report in the terminal. Tells too where its page is."""
    from metier import serial
    from metier.decision import report as reports
    from metier.errors import StorageError
    from metier.types import RunReport

    folder = project_folder(recipe, project)
    if not (folder / "report.json").exists():
        raise StorageError(f"{folder} holds no report yet; `metier run` makes one")
    last = serial.read(RunReport, folder / "report.json")
    if as_json:
        show_json(reports.as_json(last))
        return
    show(reports.terminal(last))
    show(f"report: {folder / 'report.html'}")
