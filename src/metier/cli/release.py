"""``metier release``: a rung as a specialist that answers, recommended or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, bars, show, show_json
from metier.cli.project import ProjectOption, RecipeArgument


def release(
    recipe: RecipeArgument = Path("."),
    rung: Annotated[
        str | None, typer.Option("--rung", help="Which one; the recommended by default.")
    ] = None,
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Release a rung as the specialist, whatever the verdict is.

    Its card says what that was. What of the run is missing is done first. The next `metier run`
    that recommends a rung releases that one instead.
    """
    from metier import api

    with bars() as progress:
        made = api.release(recipe, rung, project=project, progress=progress)
    if as_json:
        show_json({"specialist": str(made)})
    else:
        show(f"specialist: {made}")
