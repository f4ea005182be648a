"""What the command line prints with: a console, progress bars, JSON, and readable errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, TaskID
    from rich.text import Text

    from metier.types import Json

JSON_OPTION = typer.Option("--json", help="Print the result as one JSON document.")


def console(*, error: bool = False) -> Console:
    """A console that prints plain lines where there is no terminal.

    Texts are no markup: most are names and passages that others wrote.
    """
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else 100
    return Console(
        stderr=error, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False
    )


def show(renderable: RenderableType) -> None:
    """Print a result for a person; a text is wrapped only where there is a terminal."""
    target = console()
    is_piped = isinstance(renderable, str) and not target.is_terminal
    target.print(renderable, soft_wrap=is_piped)


def show_text(text: str) -> None:
    """Print text that others wrote: no markup, no wrapping."""
    sys.stdout.write(f"{text}\n")


def cell(text: str) -> Text:
    """Text that others wrote in a table: no markup, and nothing that a terminal obeys."""
    from rich.text import Text

    return Text("".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text))


def moment(seconds: float) -> str:
    """A moment in UTC, to the second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def show_json(value: Json) -> None:
    """Print a result for a program."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    sys.stdout.write(f"{text}\n")


class Bars:
    """One progress bar per long step, with time left; lines instead where there is no terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, int] = {}

    def __call__(self, done: int, total: int | None, what: str) -> None:
        if self._progress is None:
            self._tell(done, total, what)
            return
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)

    def _tell(self, done: int, total: int | None, what: str) -> None:
        tenth = 10 * done // total if total else 0
        if self._told.get(what) == tenth or (tenth == 0 and what in self._told):
            return
        self._told[what] = tenth
        of = f"/{total:,}" if total else ""
        sys.stderr.write(f"{what}: {done:,}{of}\n")


@contextmanager
def bars(*, quiet: bool = False) -> Iterator[Bars]:
    """Progress on standard error, so that standard output holds the result alone."""
    if quiet or not sys.stderr.isatty():
        yield Bars(None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console(error=True)) as progress:
        yield Bars(progress)
