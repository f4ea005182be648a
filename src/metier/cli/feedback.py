"""``metier feedback``: what people think of a server's answers."""

from __future__ import annotations

from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, cell, moment, show, show_json
from metier.cli.serve import BOOK, BookOption, known_book


def feedback(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's; empty: of none.")] = None,
    book: BookOption = BOOK,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """List thumbs, corrections and comments, the oldest first."""
    from rich.table import Table

    rows = known_book(book).feedback(tenant)
    if as_json:
        show_json(rows)
        return
    table = Table("response", "tenant", "when (UTC)", "thumb", "correction", "comment", box=None)
    for row in rows:
        said = (cell(row[name] or "") for name in ("thumb", "correction", "comment"))
        table.add_row(row["response"], cell(row["tenant"]), moment(row["created"]), *said)
    show(table)
