"""The recipe's open tables against the parts they name: sources, cleaning steps, rungs."""

from __future__ import annotations

from pathlib import Path

from metier.corpus.clean import make_step
from metier.errors import DataError, Problem, RecipeError
from metier.methods import method
from metier.recipe import (
    Recipe,
    RungSettings,
    SourceSettings,
    dotted,
    line_of,
    nearest,
    option_problem,
)
from metier.sources import open_source
from metier.toml_lines import KeyPath, key_lines
from metier.types import Json


def check_settings(recipe: Recipe, text: str, file: str) -> None:
    """Raise RecipeError with every unknown method, rung setting, step or source option at once."""
    problems = []
    for position, rung in enumerate(recipe.rungs):
        problems += _rung_problems(rung, ("rungs", position), text, file)
    for position, step in enumerate(recipe.cleaning.steps):
        path: KeyPath = ("cleaning", "steps", position)
        try:
            make_step(step.name, step.options)
        except DataError as error:
            problems.append(_problem(str(error), path, text, file))
    for position, source in enumerate(recipe.sources):
        try:
            open_source(source.kind, source.options)
        except DataError as error:
            problems.append(_problem(str(error), ("sources", position), text, file))
    suites = list(SUITES)
    for name in recipe.retention.suites:
        if name not in suites:
            message = f"no suite is called {name!r}" + nearest(name, suites)
            problems.append(_problem(message, ("retention", "suites"), text, file))
    names = [rung.rung for rung in recipe.rungs]
    for name in recipe.curve.rungs if "curve" in recipe.model_fields_set else ():
        if name not in names:
            message = f"no rung is called {name!r}" + nearest(name, names)
            problems.append(_problem(message, ("curve", "rungs"), text, file))
    if problems:
        raise RecipeError(problems)


def rung_settings(rung: RungSettings) -> dict[str, Json]:
    """The rung's settings, complete with its method's defaults."""
    return {**method(rung.method).defaults, **rung.options}


def located_options(source: SourceSettings, folder: Path) -> dict[str, Json]:
    """A source's options, its relative paths made to start at the recipe's folder."""
    options = source.options
    for key in ("path", "paths"):
        if key in options:
            given = options[key]
            one = isinstance(given, str)
            found = [_located(path, folder) for path in ([given] if one else given)]
            options[key] = found[0] if one else found
    return options


def _located(path: str, folder: Path) -> str:
    return path if "://" in path else str(folder / Path(path).expanduser())


def _rung_problems(rung: RungSettings, path: KeyPath, text: str, file: str) -> list[Problem]:
    try:
        known = list(method(rung.method).defaults)
    except DataError as error:
        return [_problem(str(error), (*path, "method"), text, file)]
    return [
        option_problem(text, file, (*path, key), known=known)
        for key in rung.options
        if key not in known
    ]


def _problem(message: str, path: KeyPath, text: str, file: str) -> Problem:
    return Problem(file, line_of(path, key_lines(text)), dotted(path), message)
