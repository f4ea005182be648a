"""Reads JSON Lines: one object a line, every other line reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Never

from metier.errors import SourceError
from metier.sources.rows import Report, Row, Table
from metier.sources.text_feed import TextFeed, fault
from metier.types import Json

LOOKED_AT = 1000
"""Objects may differ in their keys; those of this many say which columns there are."""


def read_jsonl(feed: TextFeed, *, uri: str, report: Report) -> Table:
    """A table with a column for each key of the first thousand objects."""
    rows = _rows(feed, report)
    first = list(islice(rows, LOOKED_AT))
    if not first:
        raise SourceError(
            f"{uri}: no line of it is a JSON object; if it is one JSON document, "
            "write each of its records on a line of its own"
        )
    columns = dict.fromkeys(key for _, row in first for key in row)
    return Table(tuple(columns), chain(first, rows))


def _rows(feed: TextFeed, report: Report) -> Iterator[Row]:
    line = 0
    while block := feed.block():
        for raw in block.removesuffix(b"\n").split(b"\n"):
            line += 1
            if raw and not raw.isspace():
                value = parse_object(raw)
                if isinstance(value, dict):
                    yield line, value
                else:
                    report(line, value)


def parse_object(raw: bytes) -> dict[str, Json] | str:
    """The line's object, or why there is none."""
    wrong = fault(raw)
    if wrong:
        return wrong
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse)
        if b"\\u" in raw:  # only an escape can smuggle in half a surrogate pair
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        return "nested too deeply"
    except UnicodeEncodeError:
        return "holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
    except ValueError as error:
        return f"not JSON: {error}"
    return value if isinstance(value, dict) else f"a {type(value).__name__}, not a JSON object"


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON value")
