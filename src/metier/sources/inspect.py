"""Looks at a data file and says what its columns are and what they are probably for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from metier.errors import SourceError
from metier.sources import files
from metier.sources.column_uses import Guess, TaskGuess, guess_task, guess_uses
from metier.sources.columns import ColumnShape, shape_of
from metier.sources.open_table import SUFFIXES
from metier.sources.opening import find
from metier.sources.sample import read_sample
from metier.types import Malformed


@dataclass(frozen=True, slots=True)
class TableShape:
    """What the first rows of a table, or the names in a folder, show."""

    uri: str
    rows: int
    """Rows looked at, at most 5,000; 0 for a folder of files."""
    whole: bool
    """Whether these are all the rows that there are."""
    columns: tuple[ColumnShape, ...] = ()
    guesses: tuple[Guess, ...] = ()
    """At most one for each use; several for the text, where it is written in several columns."""
    task: TaskGuess | None = None
    """None where no column looks like an answer."""
    files: Mapping[str, int] = field(default_factory=dict)
    """How many files of each readable suffix."""
    malformed: tuple[Malformed, ...] = ()
    """Of the rows looked at."""
    lost_to_quotes: int = 0
    """How many of these rows reading with quotes loses; where there are any, quotes are text."""

    def column_for(self, use: str) -> str | None:
        """The column guessed for a use such as ``text``, or None."""
        return next(iter(self.columns_for(use)), None)

    def columns_for(self, use: str) -> tuple[str, ...]:
        """All columns guessed for a use, in the order in which they are to be read."""
        return tuple(guess.column for guess in self.guesses if guess.use == use)


def look(path: str | Path, *, encoding: str = "utf-8") -> TableShape:
    """Look at a table's first rows, or count the files of a folder by suffix.

    A folder or glob that holds as many tables as other files is looked at through its first
    table. Raises SourceError as the sources do, and for a table without rows.
    """
    found = find(path, (*SUFFIXES, *files.SUFFIXES))
    counts = dict(sorted(Counter(item.suffix for item in found).items()))
    tables = [item for item in found if item.suffix in SUFFIXES]
    texts = [item for item in found if item.suffix in files.SUFFIXES]
    table_file = tables[0] if tables and len(tables) >= len(texts) else None
    if table_file is None:
        if len(found) == 1 and found[0].suffix not in files.SUFFIXES:
            known = ", ".join((*SUFFIXES, *files.SUFFIXES))
            raise SourceError(f"{path}: cannot tell what this is; known suffixes are {known}")
        return TableShape(str(path), 0, True, files=counts)
    uri, sample = table_file.uri, read_sample(table_file, encoding)
    if not sample.rows:
        raise SourceError(f"{uri}: {_no_rows(sample.malformed)}")
    rows = [row for _, row in sample.rows]
    columns = tuple(shape_of(name, [row.get(name) for row in rows]) for name in sample.columns)
    uses = guess_uses(columns, len(rows))
    return TableShape(
        uri, len(rows), sample.whole and len(found) == 1, columns, uses,
        guess_task(columns, uses), counts, sample.malformed, sample.lost_to_quotes,
    )  # fmt: skip


def _no_rows(malformed: Sequence[Malformed]) -> str:
    if not malformed:
        return "there is a line of column names but no row below it; check what wrote it"
    first = malformed[0]
    return f"no row can be used; the first, line {first.line}: {first.reason}"
