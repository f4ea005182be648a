"""``metier keys``: who may ask the server."""

from __future__ import annotations

from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json
from metier.cli.serve import BOOK, BookOption, known_book

app = typer.Typer(help="Make, list and revoke the server's keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    tenant: Annotated[str, typer.Option(help="Whose models and logs it sees.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="ask, embed, feedback, history, prompts: all if none; metrics, of all tenants, "
            "and operator, to add and remove models, only if named."
        ),
    ] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Most requests a minute.")] = None,
    tokens_per_day: Annotated[int | None, typer.Option(min=1, help="Most tokens a day.")] = None,
    book: BookOption = BOOK,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    from metier.serving.gate.access import SCOPES, create_key
    from metier.serving.records.book import Book

    made = create_key(
        Book(book),
        name,
        tenant=tenant,
        scopes=tuple(scope or SCOPES),
        per_minute=per_minute,
        tokens_per_day=tokens_per_day,
    )
    typer.echo(made)


@app.command("list")
def list_keys(book: BookOption = BOOK, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """List keys by their public part."""
    from rich.table import Table

    rows = known_book(book).keys()
    if as_json:
        show_json(rows)
        return
    table = Table("key", "name", "tenant", "scopes", "in force", box=None)
    for row in rows:
        state = "yes" if row["revoked"] is None else "revoked"
        table.add_row(row["id"], row["name"], row["tenant"], row["scopes"], state)
    show(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its public part, or the whole key.")],
    book: BookOption = BOOK,
) -> None:
    """End a key's rights, at once."""
    from metier.serving.gate.access import revoke_key

    revoke_key(known_book(book), key)
