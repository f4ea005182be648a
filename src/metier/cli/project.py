"""Where a recipe and its project folder are, given what a person typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.cli.console import bars
from metier.errors import ModelFileError

if TYPE_CHECKING:
    from metier.pipeline import Pipeline
    from metier.recipe import Recipe
    from metier.store import Project

RecipeArgument = Annotated[
    Path, typer.Argument(help="The recipe (metier.toml), or the folder that holds it.")
]
ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", help="The project folder; `.metier` beside the recipe by default."),
]


@dataclass(frozen=True, slots=True)
class OpenedRecipe:
    """A recipe with its text and place, for messages that name a line."""

    recipe: Recipe
    text: str
    file: Path


def open_recipe(path: Path) -> OpenedRecipe:
    """Read ``metier.toml``, given it or its folder."""
    from metier.recipe import read_recipe

    file = path / "metier.toml" if path.is_dir() else path
    recipe = read_recipe(file)
    return OpenedRecipe(recipe, file.read_text(encoding="utf-8"), file)


@contextmanager
def opened_pipeline(recipe: Path, project: Path | None) -> Iterator[Pipeline]:
    """The recipe's pipeline, which tells its progress in bars."""
    from metier.pipeline import opened

    with bars() as progress, opened(recipe, project, progress) as pipeline:
        yield pipeline


def project_folder(recipe: Path, project: Path | None) -> Path:
    """The project folder of a recipe."""
    return project or (recipe if recipe.is_dir() else recipe.parent) / ".metier"


def known_project(recipe: Path, project: Path | None) -> Project:
    """The project of a recipe that ran; ``StorageError`` where none did, and none is made."""
    from metier.errors import StorageError
    from metier.store import Project

    folder = project_folder(recipe, project)
    if not (folder / "ledger.sqlite").exists():
        raise StorageError(f"{folder} holds no runs yet; `metier run` starts one")
    return Project(folder)


def specialist_folder(path: Path) -> Path:
    """The released specialist, given its directory, a recipe, or a recipe's folder."""
    places = [path, project_folder(path, None) / "specialist"]
    for place in places:
        if (place / "release.json").exists():
            return place
    raise ModelFileError(
        f"no released specialist in {' or '.join(map(str, places))}; `metier run` makes one"
    )
