"""Reads CSV and TSV: every row with its true line, every broken one reported."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

from metier.errors import SourceError
from metier.sources.rows import DOUBTED, Dialect, Report, Row, Table, check_names
from metier.sources.text_feed import MAX_CHARACTERS, TextFeed, fault

OTHER_DELIMITERS = ";\t|"
UNQUOTED = "; where quotes enclose nothing but are text, set quotes = false"


def read_csv(feed: TextFeed, *, uri: str, dialect: Dialect, report: Report) -> Table:
    """A table whose first row names the columns.

    Blocks without any fault take the fast path (``csv_block``); the others are read row by row
    with the csv module in strict mode, which gives the same rows and knows what is wrong. In a
    file whose header is one column only, or cannot be read, a semicolon, tab or bar is tried.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CHARACTERS))
    block = feed.block()
    dialect, names, lines = _header_of_any(feed, block, uri, dialect)
    feed.put_back(lines.rest())
    return Table(names, _rows(feed, lines.taken, names, dialect, report))


def _header_of_any(
    feed: TextFeed, block: bytes, uri: str, dialect: Dialect
) -> tuple[Dialect, tuple[str, ...], _Lines]:
    """The dialect, or if its delimiter gives no two columns the one with another that does."""
    own: tuple[Dialect, tuple[str, ...], _Lines] | None = None
    wrong: SourceError | None = None
    for sign in dict.fromkeys((dialect.delimiter, *OTHER_DELIMITERS)):
        lines, tried = _Lines(feed, block), replace(dialect, delimiter=sign)
        try:
            names = _header(lines, uri, tried)
        except SourceError as error:
            wrong = wrong or error
            if lines.went_on:
                break  # the feed's next blocks are taken, so no other can be tried
            continue
        if len(names) > 1:
            return tried, names, lines
        own = own or ((tried, names, lines) if tried == dialect else None)
    if own is not None:
        return own
    assert wrong is not None
    raise wrong


class _Lines:
    """A block's lines, then those of the following blocks, counted and looked through."""

    def __init__(self, feed: TextFeed, block: bytes) -> None:
        self._feed = feed
        self._buffer = BytesIO(block)
        self.taken = 0
        self.went_on = False
        """Whether a block after the first was asked for."""
        self.fault: str | None = None
        """Why the lines since it was last set to None are no text, or None."""

    def __iter__(self) -> Iterator[str]:
        while self._buffer.getbuffer().nbytes:
            for raw in self._buffer:
                self.taken += 1
                try:
                    text = raw.decode()
                except UnicodeDecodeError:
                    text = raw.decode("utf-8", "surrogateescape")
                    self.fault = self.fault or fault(raw)
                if "\0" in text:
                    self.fault = self.fault or fault(raw)
                yield text
            following = self._feed.block()
            self.went_on = self.went_on or bool(following)
            self._buffer = BytesIO(following)

    def rest(self) -> bytes:
        """What is left of the block of which the last line was taken."""
        return self._buffer.read()


def _header(lines: _Lines, uri: str, dialect: Dialect) -> tuple[str, ...]:
    try:
        first = next(filter(None, _reader(lines, dialect)), None)
    except csv.Error as error:
        raise SourceError(f"{uri}:1: the row of column names: {_explain(error)}") from error
    if first is None:
        raise SourceError(f"{uri}: holds blank lines only; check what wrote it")
    if lines.fault:
        raise SourceError(f"{uri}:{lines.taken}: the row of column names: {lines.fault}")
    names = tuple(name.strip() or f"column {place}" for place, name in enumerate(first, 1))
    check_names(names, f"{uri}:{lines.taken}")
    return names


def _rows(
    feed: TextFeed, line: int, names: tuple[str, ...], dialect: Dialect, report: Report
) -> Iterator[Row]:
    """The rows after the header; ``line`` counts the lines read so far."""
    from metier.sources.csv_block import parse_block  # brings NumPy, which no listing needs

    while block := feed.block():
        parsed = parse_block(block, names, dialect)
        if parsed is None:
            lines = _Lines(feed, block)
            until = block.count(b"\n") or 1
            yield from _exact(lines, until, line, names, dialect, report)
            feed.put_back(lines.rest())
            line += lines.taken
        else:
            feed.put_back(block[parsed.size :])
            for start, values in zip(parsed.starts, parsed.rows, strict=True):
                yield line + start, dict(zip(names, values, strict=False))
            line += parsed.lines


def _exact(
    lines: _Lines, until: int, before: int, names: tuple[str, ...], dialect: Dialect, report: Report
) -> Iterator[Row]:
    """Read row by row, to the first end of a row at or after line ``until`` of the block."""
    reader = _reader(lines, dialect)
    while lines.taken < until:
        start, lines.fault = lines.taken + 1, None
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            report(before + start, _explain(error, lines.taken - start))
            continue
        if lines.fault:
            report(before + start, lines.fault)
        elif len(values) != len(names):
            if values:
                said = f"{len(values)} columns, but the header has {len(names)}"
                joined = lines.taken - start
                report(before + start, said + _lost(joined) + UNQUOTED * bool(joined))
        elif dialect == DOUBTED and lines.taken > start and _are_rows(values):
            said = f"quotes join this line with the next {lines.taken - start}, each of them a row"
            report(before + start, f"{said}{UNQUOTED}; where they enclose fields, quotes = true")
        else:
            yield before + start, dict(zip(names, values, strict=True))


def _reader(lines: _Lines, dialect: Dialect) -> Iterator[list[str]]:
    if dialect.quotes is False:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=dialect.delimiter, strict=True)


def _are_rows(values: list[str]) -> bool:
    """Whether each line of a row has all its columns."""
    lines = DOUBTED.delimiter.join(values).split("\n")
    return all(line.count(DOUBTED.delimiter) == len(values) - 1 > 0 for line in lines)


def _explain(error: csv.Error, further_lines: int = 0) -> str:
    reason, mend = str(error), UNQUOTED
    if "field larger" in reason:
        reason = f"a field longer than {MAX_CHARACTERS:,} characters"
        mend = f"; is a quote never closed?{UNQUOTED}" if further_lines else ""
    elif "unexpected end" in reason:
        reason = "a quote is opened here and never closed"
    elif "expected after" in reason:
        reason = "a quote inside a quoted field is not doubled"
    elif "new-line" in reason:
        reason, mend = "a carriage return outside quotes", ""
    return reason + _lost(further_lines) + mend


def _lost(further_lines: int) -> str:
    return f"; this took the next {further_lines} lines with it" if further_lines else ""
