"""Guesses what a table's columns are for, with the reason for each guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from metier.sources.columns import ColumnShape
from metier.types import TaskKind

Use = Literal["split", "id", "time", "text", "label", "answer", "title", "group"]

NAMES: dict[Use, frozenset[str]] = {
    "split": frozenset({"split", "fold", "partition", "subset"}),
    "id": frozenset({"id", "uuid", "guid", "key", "index", "idx", "number"}),
    "time": frozenset({"date", "time", "year", "timestamp", "created", "published", "datetime"}),
    "text": frozenset(
        {"text", "body", "content", "question", "input", "abstract", "description", "message",
         "document", "prompt", "instruction", "review", "sentence", "context", "post"}
    ),
    "label": frozenset(
        {"label", "class", "category", "target", "answer", "topic", "intent", "sentiment", "group",
         "decision", "newsgroup", "tag", "type", "rating"}
    ),
    "answer": frozenset(
        {"answer", "answers", "target", "output", "response", "completion", "summary", "reply",
         "gold", "chosen"}
    ),
    "title": frozenset({"title", "subject", "headline", "heading", "name"}),
    "group": frozenset(
        {"author", "user", "customer", "entity", "patient", "group", "case", "company", "thread",
         "speaker", "account", "article", "source", "document"}
    ),
}  # fmt: skip
"""Words of a column's name that speak for a use; chosen from the data sets metier is tested on."""
SPLITS = frozenset({"train", "training", "dev", "valid", "validation", "val", "test", "eval"})
LABELS = (2, 50)
SHORT_ANSWER = 60
"""Mean characters up to which an answer can be compared as a string."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What one column is probably for."""

    use: Use
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaskGuess:
    """The kind of task that a table suggests."""

    kind: TaskKind
    reason: str


def guess_uses(columns: Sequence[ColumnShape], rows: int) -> tuple[Guess, ...]:
    """At most one column for each use and one use for each column; the surest uses first."""
    guesses: list[Guess] = []
    left = [column for column in columns if column.distinct]
    for use in NAMES:
        best = max(left, key=lambda column: _points(use, column, rows), default=None)
        if best is not None and _points(use, best, rows) > 0:
            left.remove(best)
            guesses.append(Guess(use, best.name, _reason(use, best)))
    return tuple(guesses)


def guess_task(columns: Sequence[ColumnShape], guesses: Sequence[Guess]) -> TaskGuess | None:
    """Classification where a label is found; short answer or free text by the answers' length.

    A label that is one by its values only gives way to an answer column that is named so.
    """
    shapes = {column.name: column for column in columns}
    names = {guess.use: guess.column for guess in guesses}
    label, answer = names.get("label"), names.get("answer")
    if label is not None and (answer is None or NAMES["label"] & _words(label)):
        return TaskGuess("classification", f"{label!r} has only {shapes[label].distinct} values")
    if answer is None:
        return None
    length = shapes[answer].mean_length
    kind: TaskKind = "short_answer" if length <= SHORT_ANSWER else "free_text"
    return TaskGuess(kind, f"{answer!r} has {length:.0f} characters on average")


def _points(use: Use, column: ColumnShape, rows: int) -> float:
    """How much speaks for a use; 0 excludes it."""
    named = bool(NAMES[use] & _words(column.name))
    if not FITS[use](column, rows) or (use in BY_NAME_ONLY and not named):
        return 0
    weight = column.mean_length if use == "text" else 1 + (column.type in ("text", "boolean"))
    return weight * (4 if named else 1)


def _is_split(column: ColumnShape, rows: int) -> bool:
    values = {value.lower() for value, _ in column.common}
    named = bool(NAMES["split"] & _words(column.name))
    return values <= SPLITS and (len(values) > 1 or named)


def _is_id(column: ColumnShape, rows: int) -> bool:
    named = bool(NAMES["id"] & _words(column.name))
    short = column.words < 1.5 and column.mean_length <= 80
    return column.distinct == rows > 1 and short and (named or column.type == "text")


def _is_time(column: ColumnShape, rows: int) -> bool:
    named = bool(NAMES["time"] & _words(column.name))
    return column.type == "time" or (named and column.type == "integer")


def _is_text(column: ColumnShape, rows: int) -> bool:
    named = bool(NAMES["text"] & _words(column.name))
    return column.type == "text" and column.empty < 0.5 and (column.words >= 3 or named)


def _is_label(column: ColumnShape, rows: int) -> bool:
    few = LABELS[0] <= column.distinct <= LABELS[1] and column.empty < 0.5
    plain = column.type not in ("number", "structure", "time")
    named_otherwise = _words(column.name) & (NAMES["group"] | NAMES["title"]) - NAMES["label"]
    return (
        not named_otherwise
        and few
        and plain
        and _repeats(column, rows)
        and column.mean_length <= SHORT_ANSWER
    )


def _repeats(column: ColumnShape, rows: int) -> bool:
    return column.distinct > 1 and 2 * column.distinct <= (1 - column.empty) * rows


FITS: dict[Use, Callable[[ColumnShape, int], bool]] = {
    "split": _is_split,
    "id": _is_id,
    "time": _is_time,
    "text": _is_text,
    "label": _is_label,
    "answer": lambda column, rows: column.empty < 0.5,
    "title": lambda column, rows: column.type == "text",
    "group": _repeats,
}
BY_NAME_ONLY = frozenset({"answer", "title", "group"})
"""Uses that the values alone do not show."""


def _words(name: str) -> set[str]:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return set(re.split(r"[^a-z0-9]+", split.lower()))


def _reason(use: Use, column: ColumnShape) -> str:
    name = "its name says so" if NAMES[use] & _words(column.name) else ""
    facts = {
        "split": "its values are names of splits",
        "id": "each row has its own value",
        "time": "its values are points in time",
        "text": f"its texts are long: {column.mean_length:,.0f} characters on average",
        "label": f"{column.distinct} values, each met several times",
        "group": f"{column.distinct} values, shared by several rows",
    }
    return "; ".join(part for part in (name, facts.get(use, "")) if part)
