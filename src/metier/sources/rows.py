"""What every reader of tables gives: named columns and a stream of rows with their lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from metier.errors import SourceError
from metier.types import Json

Row = tuple[int, dict[str, Json]]
"""The line on which the row begins (in Parquet the row's number), counted from 1; its values."""

Report = Callable[[int | None, str], None]
"""Takes the line and the reason of a row that cannot be read."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are used."""

    needed: frozenset[str] = frozenset()
    """Without a value in one of these that can be read, a row cannot be used."""
    others: bool = True
    """Whether all others come along."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a delimited table are cut into fields."""

    delimiter: str
    quotes: bool | None = None
    """Whether double quotes enclose fields, as RFC 4180 says; False makes them text and each line
    a row. None is True with a doubt: lines with tabs that quotes join, each a row by itself, are
    reported."""


DOUBTED = Dialect("\t")
"""Tabs stand in hardly any text, and many who write them quote nothing."""


@dataclass(frozen=True, slots=True)
class Table:
    """One opened table."""

    columns: tuple[str, ...]
    rows: Iterator[Row]
    """Has to be read while the file is open."""


def check_names(names: Sequence[str], where: str) -> None:
    """Raise SourceError for a name that two columns have."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SourceError(f"{where}: two columns are named {twice[0]!r}; rename one")
