"""Measures one column of a table: its type, gaps, distinct values and lengths."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from metier.types import Json

ColumnType = Literal["empty", "boolean", "integer", "number", "time", "text", "structure"]


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """What the values of one column have in common."""

    name: str
    type: ColumnType
    """The narrowest that fits every value; a CSV's values are read as what they spell."""
    empty: float
    """Share of rows without a value, 0 to 1."""
    distinct: int
    mean_length: float
    """In characters, of the values that are there."""
    common: tuple[tuple[str, int], ...]
    """The most frequent values, at most 60, with their counts."""
    words: float
    """Mean number of words of the values that are there."""


def shape_of(name: str, values: Sequence[Json]) -> ColumnShape:
    """Measure a column; None and blank strings count as no value."""
    texts = [_spell(value) for value in values]
    present = [text for text in texts if text.strip()]
    counts = Counter(present)
    structured = any(isinstance(value, list | dict) for value in values)
    many = max(1, len(present))
    return ColumnShape(
        name=name,
        type="structure" if structured else _type(list(counts)),
        empty=1 - len(present) / max(1, len(values)),
        distinct=len(counts),
        mean_length=sum(map(len, present)) / many,
        common=tuple(counts.most_common(60)),
        words=sum(text.count(" ") + 1 for text in present) / many,
    )


def _spell(value: Json) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)


def _type(values: Sequence[str]) -> ColumnType:
    if not values:
        return "empty"
    tests: tuple[tuple[ColumnType, Callable[[str], object]], ...] = (
        ("boolean", lambda text: {"true": 1, "false": 0, "yes": 1, "no": 0}[text.lower()]),
        ("integer", int),
        ("number", float),
        ("time", datetime.datetime.fromisoformat),
    )
    for kind, test in tests:
        if all(_passes(test, value) for value in values):
            return kind
    return "text"


def _passes(test: Callable[[str], object], value: str) -> bool:
    try:
        test(value.strip())
    except (ValueError, KeyError):
        return False
    return True
