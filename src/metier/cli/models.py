"""``metier models``: what models there are, and fetching one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, bars, show, show_json

app = typer.Typer(help="List models, or fetch one.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """List the models with a short name and those on this machine. Any path works as well."""
    from rich.table import Table

    from metier.models.names.listing import known_models

    known = known_models()
    if as_json:
        show_json([asdict(model) for model in known])
        return
    table = Table(box=None)
    table.add_column("name", overflow="fold")
    for column in ("kind", "from", "MB", "licence", "state"):
        table.add_column(column)
    for model in known:
        size = f"{model.bytes / 1e6:.0f}"
        licence = model.licence or "see its card"
        table.add_row(model.name, model.kind, model.where, size, licence, model.state)
    show(table)


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(help="Names as in `metier models list`.")],
) -> None:
    """Fetch models into the cache, so that later runs need no network."""
    from metier.models.names.resolve import pull as pull_model

    with bars() as progress:
        places = [pull_model(name, progress) for name in names]
    for name, place in zip(names, places, strict=True):
        show(f"{name}: {place}")
