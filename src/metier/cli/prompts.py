"""``metier prompts``: the server's gallery of named prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json
from metier.cli.serve import BOOK, BookOption, known_book

app = typer.Typer(help="List the server's prompts, add and import some.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option(help="Whose it is; everybody's if empty.")]


@app.command("list")
def list_prompts(
    tenant: TenantOption = "",
    book: BookOption = BOOK,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """List every version with its scores."""
    from rich.table import Table

    from metier.serving.records import gallery

    found = gallery.Gallery(known_book(book)).all(tenant)
    if as_json:
        show_json([gallery.as_json(prompt) for prompt in found])
        return
    table = Table("prompt", "version", "variables", "measured", box=None)
    for prompt in found:
        scores = [
            f"{score.metric} {score.value:.3f} [{score.low:.3f}, {score.high:.3f}] (n={score.n})"
            for score in prompt.scores
        ]
        variables = ", ".join(prompt.variables)
        table.add_row(prompt.name, str(prompt.version), variables, "\n".join(scores) or "not yet")
    show(table)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Letters, digits, dots, dashes.")],
    file: Annotated[Path, typer.Argument(help="A text, or messages as JSON; {{x}} is a variable.")],
    tenant: TenantOption = "",
    book: BookOption = BOOK,
) -> None:
    """Add a prompt, or the next version of one."""
    from metier.errors import DataError
    from metier.serving.records.book import Book
    from metier.serving.records.gallery import Gallery, Prompt

    try:
        text = file.read_text(encoding="utf-8")
        messages = (
            json.loads(text) if file.suffix == ".json" else [{"role": "user", "content": text}]
        )
        laid = tuple({"role": one["role"], "content": one["content"]} for one in messages)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} cannot be read as a prompt ({error}); write a text, or a JSON list of "
            '{"role": ..., "content": ...}'
        ) from error
    added = Gallery(Book(book)).add(Prompt(name, 0, laid, tenant=tenant))
    typer.echo(f"{added.name} {added.version}")


@app.command("import")
def import_prompts(
    project: Annotated[Path, typer.Argument(help="A project's folder after `metier run`.")],
    tenant: TenantOption = "",
    book: BookOption = BOOK,
) -> None:
    """Import the prompts that a run measured, with their scores."""
    from metier import serial
    from metier.errors import DataError
    from metier.serving.records.book import Book
    from metier.serving.records.gallery import Gallery, measured_prompts
    from metier.types import RunReport

    file = project / ".metier" / "report.json"
    if not file.exists():
        raise DataError(f"{project} has no measured run yet; `metier run {project}` makes one")
    gallery = Gallery(Book(book))
    for prompt in measured_prompts(serial.read(RunReport, file), tenant=tenant):
        added = gallery.add(prompt)
        typer.echo(f"{added.name} {added.version}")
