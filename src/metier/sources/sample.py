"""The first rows of a table, with quotes as text where quotes would lose rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from metier.sources.open_table import DELIMITERS, open_table
from metier.sources.opening import Found
from metier.sources.rows import Row
from metier.types import Malformed

ROWS = 5000


@dataclass(frozen=True, slots=True)
class Sample:
    """What a look at one table sees."""

    columns: tuple[str, ...]
    rows: list[Row]
    whole: bool
    """Whether these are all the rows that there are."""
    malformed: tuple[Malformed, ...]
    lost_to_quotes: int = 0
    """Rows that are not among those read when double quotes enclose fields; here they are text."""


def read_sample(found: Found, encoding: str) -> Sample:
    """At most 5,000 rows, read as loses fewest.

    Quotes are text where lines that cannot be read become rows by that, and hardly any row is lost.
    """
    quoted = _read(found, encoding, quotes=None)
    if not quoted.malformed or found.suffix not in DELIMITERS or len(quoted.columns) < 2:
        return quoted
    bare = _read(found, encoding, quotes=False)
    lost = _lost(quoted, bare)
    if not lost or bare.columns != quoted.columns or _are_enclosed(bare, lost):
        return quoted
    return Sample(bare.columns, bare.rows, bare.whole, bare.malformed, lost)


def _read(found: Found, encoding: str, *, quotes: bool | None) -> Sample:
    malformed: list[Malformed] = []

    def report(line: int | None, reason: str) -> None:
        malformed.append(Malformed(found.uri, line, reason))

    with open_table(found, encoding=encoding, quotes=quotes, report=report) as table:
        rows = list(islice(table.rows, ROWS))
        whole = len(rows) < ROWS or next(table.rows, None) is None
        return Sample(table.columns, rows, whole, tuple(malformed))


def _lost(quoted: Sample, bare: Sample) -> int:
    """How many rows more bare quotes give; 0 where that mends nothing, or breaks other rows."""
    ends = [sample.rows[-1][0] for sample in (quoted, bare) if sample.rows and not sample.whole]
    last = min(ends, default=math.inf)  # both are compared up to the line where either ends
    more = _until(last, (line for line, _ in bare.rows)) - _until(
        last, (line for line, _ in quoted.rows)
    )
    faults, left = ({one.line for one in sample.malformed} for sample in (quoted, bare))
    mends = bool(faults - left)
    return more if mends and more > 0 and 10 * len(left - faults) <= more else 0


def _until(last: float, lines: Iterable[int]) -> int:
    return sum(line <= last for line in lines)


def _are_enclosed(bare: Sample, lost: int) -> bool:
    """Whether quotes enclose most of a column, or more fields have doubled ones than are lost."""
    texts = [[str(row[name]) for _, row in bare.rows] for name in bare.columns]
    enclosed = [[text[1:-1] for text in column if _is_enclosed(text)] for column in texts]
    doubled = sum('""' in inner for column in enclosed for inner in column)
    return doubled > lost or any(2 * len(column) > len(bare.rows) for column in enclosed)


def _is_enclosed(text: str) -> bool:
    return len(text) > 1 and text.startswith('"') and text.endswith('"')
