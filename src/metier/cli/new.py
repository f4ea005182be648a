"""``metier new``: a commented recipe from a look at the data."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json


def new(
    data: Annotated[str, typer.Argument(help="A data file, a folder of documents, or a URL.")],
    recipe: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("metier.toml"),
    force: Annotated[bool, typer.Option(help="Replace a recipe that stands there.")] = False,
    encoding: Annotated[
        str, typer.Option(help="Of a table, by Python's name for it, such as latin-1.")
    ] = "utf-8",
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Write a commented recipe for your data by looking at it."""
    from metier.errors import StorageError
    from metier.recipe.reading import UNKNOWN, dotted, unanswered
    from metier.scaffold import scaffold
    from metier.sources.inspect import look
    from metier.store import write_text

    if recipe.exists() and not force:
        raise StorageError(f"{recipe} stands already; choose another name, or replace it: --force")
    shape = look(data, encoding=encoding)
    text = scaffold(shape, data, recipe, encoding=encoding)
    write_text(recipe, text)
    if as_json:
        show_json({"recipe": str(recipe), "guesses": [asdict(one) for one in shape.guesses]})
        return
    for guess in shape.guesses:
        show(f"{guess.use:<8} {guess.column}  ({guess.reason})")
    if shape.malformed:
        first = shape.malformed[0]
        show(f"{len(shape.malformed):,} rows cannot be read; line {first.line}: {first.reason}")
    left = " and ".join(dotted(path) for path in unanswered(tomllib.loads(text)))
    first_do = f"write {left} where it says {UNKNOWN!r}" if left else "read it"
    show(f"wrote {recipe}; {first_do}, then: metier run {recipe}")
