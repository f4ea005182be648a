"""``metier recipe``: check a recipe, or print its JSON Schema for an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json

app = typer.Typer(help="Check a recipe, or print its schema.", no_args_is_help=True)


@app.command()
def check(
    recipe: Annotated[Path, typer.Argument(help="The recipe, or its folder.")] = Path("."),
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Read a recipe and its rungs' settings; name every problem at once."""
    from metier.cli.project import open_recipe
    from metier.settings import check_settings

    opened = open_recipe(recipe)
    check_settings(opened.recipe, opened.text, str(opened.file))
    if as_json:
        show_json({"file": str(opened.file), "recipe": opened.recipe.model_dump(mode="json")})
        return
    show(f"{opened.file} is a valid recipe with {len(opened.recipe.rungs)} rungs")


@app.command()
def schema() -> None:
    """Print the recipe's JSON Schema; point your editor's TOML extension at it."""
    from metier.settings import recipe_schema

    show_json(recipe_schema())
