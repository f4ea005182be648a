"""``metier audit``: who changed what on a server."""

from __future__ import annotations

from typing import Annotated

from metier.cli.console import JSON_OPTION, cell, moment, show, show_json
from metier.cli.serve import BOOK, BookOption, known_book


def audit(book: BookOption = BOOK, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """List changes of keys, models and prompts, the oldest first."""
    from rich.table import Table

    rows = known_book(book).audits()
    if as_json:
        show_json(rows)
        return
    table = Table("when (UTC)", "who", "what", "of what", box=None)
    for row in rows:
        told = (cell(row[name]) for name in ("actor", "action", "subject"))
        table.add_row(moment(row["created"]), *told)
    show(table)
