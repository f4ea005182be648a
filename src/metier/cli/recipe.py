"""``metier recipe``: check a recipe, or print its JSON Schema for an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json, show_text

app = typer.Typer(help="Check a recipe, or print its schema.", no_args_is_help=True)


@app.command()
def check(
    recipe: Annotated[Path, typer.Argument(help="The recipe, or its folder.")] = Path("."),
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Read a recipe and its rungs' settings; name every problem at once."""
    from metier.cli.project import open_recipe
    from metier.problems import check_settings
    from metier.recipe import problem_at
    from metier.settings import ladder

    opened = open_recipe(recipe)
    check_settings(opened.recipe, opened.text, str(opened.file), models=True)
    rungs, left_out = ladder(opened.recipe)
    if as_json:
        told = {"recipe": opened.recipe.model_dump(mode="json"), "left_out": left_out}
        show_json({"file": str(opened.file), **told})
        return
    show(f"{opened.file} is a valid recipe with {len(rungs)} rungs")
    for name, reason in left_out.items():
        said = f"rung {name!r} is left out: {reason}"
        show_text(str(problem_at(("model", "base"), said, opened.text, str(opened.file))))


@app.command()
def schema() -> None:
    """Print the recipe's JSON Schema. Point your editor's TOML extension at it."""
    from metier.settings import recipe_schema

    show_json(recipe_schema())
