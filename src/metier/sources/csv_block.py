"""Parses a faultless block of CSV with Arrow, and knows when a block is not faultless."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metier.sources.rows import DOUBTED, Dialect
from metier.types import Json

QUOTE, LINE_FEED, RETURN = 0x22, 0x0A, 0x0D


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """The whole rows at the beginning of a block."""

    size: int
    """Bytes that they take."""
    lines: int
    """Lines that they take."""
    starts: Sequence[int]
    """The line of the block on which each row begins, counted from 1."""
    rows: Iterable[Sequence[Json]]


def parse_block(block: bytes, names: Sequence[str], dialect: Dialect) -> ParsedBlock | None:
    """The rows of a block that begins with a row; None if anything in it is out of order.

    Arrow reads CSV several times as fast as the csv module, but it forgives wrong quotes and
    counts no lines. So the quotes are checked and the lines counted here, on arrays: a line feed
    after an even number of quotes ends a row, an opening quote follows a delimiter, the closing
    one precedes a delimiter.
    """
    block = block if block.endswith(b"\n") else block + b"\n"
    data = np.frombuffer(block, dtype=np.uint8)
    returns = np.flatnonzero(data == RETURN)
    if b"\0" in block or not (data[returns + 1] == LINE_FEED).all():
        return None
    quoted = dialect.quotes is not False
    quotes = np.flatnonzero(data == QUOTE) if quoted else np.empty(0, dtype=np.intp)
    feeds = np.flatnonzero(data == LINE_FEED)
    ends_row = np.searchsorted(quotes, feeds) % 2 == 0
    if not ends_row.any():
        return None
    ends, end_lines = feeds[ends_row], np.flatnonzero(ends_row)
    size, lines = int(ends[-1]) + 1, int(end_lines[-1]) + 1
    if dialect == DOUBTED and lines > len(ends):
        return None  # whether quotes have joined what are rows is asked row by row
    sign = ord(dialect.delimiter)
    if not _quotes_stand_right(data, quotes[: np.searchsorted(quotes, size)], sign):
        return None
    columns = _columns(memoryview(block)[:size], names, dialect)
    starts = _starts(data, ends, end_lines)
    if columns is None or any(len(column) != len(starts) for column in columns):
        return None
    return ParsedBlock(size, lines, starts.tolist(), zip(*columns, strict=True))


def _quotes_stand_right(data: NDArray[np.uint8], quotes: NDArray[np.intp], delimiter: int) -> bool:
    before, after = np.zeros(256, dtype=bool), np.zeros(256, dtype=bool)
    before[[delimiter, LINE_FEED, QUOTE]] = True
    after[[delimiter, LINE_FEED, RETURN, QUOTE]] = True
    opening, closing = quotes[0::2], quotes[1::2]
    inner = opening[opening > 0]
    return bool(before[data[inner - 1]].all() and after[data[closing + 1]].all())


def _starts(
    data: NDArray[np.uint8], ends: NDArray[np.intp], end_lines: NDArray[np.intp]
) -> NDArray[np.intp]:
    """The line, from 1, on which each row that is not a blank line begins."""
    begins = np.concatenate(([0], ends[:-1] + 1))
    lines = np.concatenate(([1], end_lines[:-1] + 2))
    blank = (data[begins] == LINE_FEED) | ((data[begins] == RETURN) & (ends - begins == 1))
    kept: NDArray[np.intp] = lines[~blank]
    return kept


def _columns(block: memoryview, names: Sequence[str], dialect: Dialect) -> list[list[str]] | None:
    import pyarrow as pa
    from pyarrow import csv

    try:
        table = csv.read_csv(
            pa.py_buffer(block),
            csv.ReadOptions(column_names=list(names), block_size=len(block) + 1),
            csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=False if dialect.quotes is False else '"',
                newlines_in_values=dialect.quotes is not False,
            ),
            csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:  # a row with other columns, or bytes that are no UTF-8
        return None
    return [column.to_numpy().tolist() for column in table.columns]
