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
         "decision", "newsgroup", "tag", "type", "rating", "subject"}
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
QUESTION = frozenset({"question", "query", "instruction"})
CONTEXTS = ("context", "contexts", "passage", "paragraph")
BESIDE = ("choices", "options", "input", *CONTEXTS)
"""Columns that a question is asked with, in the order in which they are written below it: what is
long comes last, since the end is what is cut."""
ANSWER = NAMES["answer"] | {"label", "solution"}
TRAIN, TEST = frozenset({"train", "training"}), frozenset({"test", "testing", "eval"})
SPLITS = TRAIN | TEST | {"dev", "valid", "validation", "val"}
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
    column: str
    """With the right answers."""
    reason: str


def guess_uses(columns: Sequence[ColumnShape], rows: int) -> tuple[Guess, ...]:
    """At most one column for each use but the text, which may have several; the surest first.

    A table with a column of questions and one of their answers is read as that.
    """
    guesses = _asked(columns, rows)
    used = {guess.column for guess in guesses}
    taken = {guess.use for guess in guesses}
    left = [column for column in columns if column.distinct and column.name not in used]
    for use in NAMES:
        if use in taken or (use in ("label", "answer") and taken):
            continue
        best = max(left, key=lambda column: _points(use, column, rows), default=None)
        if best is not None and _points(use, best, rows) > 0:
            left.remove(best)
            guesses.append(Guess(use, best.name, _reason(use, best)))
    return tuple(guesses)


def _asked(columns: Sequence[ColumnShape], rows: int) -> list[Guess]:
    """The question, what it is asked with, and its answer; nothing where one of them is missing."""
    full = [column for column in columns if column.empty < 0.5]
    texts = [column for column in full if column.type == "text"]
    question = _named(
        QUESTION, [c for c in texts if c.name.lower() in QUESTION or _varies(c, rows)]
    )
    answer = _named(ANSWER, [column for column in full if column is not question])
    if question is None or answer is None:
        return []
    beside = [
        column
        for name in BESIDE
        for column in columns
        if column.name.lower() == name and column.distinct and column is not answer
    ]
    guesses = [Guess("text", question.name, "what is asked")]
    guesses += [Guess("text", column.name, "what it is asked with") for column in beside]
    use: Use = "label" if _is_label(answer, rows) else "answer"
    guesses.append(Guess(use, answer.name, _reason(use, answer)))
    contexts = (column for column in beside if column.name.lower() in CONTEXTS)
    if shared := next((column for column in contexts if _is_shared(column, rows)), None):
        guesses.append(Guess("group", shared.name, _reason("group", shared)))
    return guesses


def _named(names: frozenset[str], columns: Sequence[ColumnShape]) -> ColumnShape | None:
    """The first column with such a name, or with one of such words in its name."""
    found = [column for column in columns if _words(column.name) & names]
    return min(found, key=lambda column: column.name.lower() not in names, default=None)


def guess_task(columns: Sequence[ColumnShape], guesses: Sequence[Guess]) -> TaskGuess | None:
    """Classification where a label is found; short answer or free text by the answers' length.

    A label that is one by its values only gives way to an answer column that is named so.
    """
    shapes = {column.name: column for column in columns}
    names = {guess.use: guess.column for guess in guesses}
    label, answer = names.get("label"), names.get("answer")
    if label is not None and (answer is None or NAMES["label"] & _words(label)):
        told = f"{label!r} has only {shapes[label].distinct} values"
        return TaskGuess("classification", label, told)
    if answer is None:
        return None
    length = shapes[answer].mean_length
    kind: TaskKind = "short_answer" if length <= SHORT_ANSWER else "free_text"
    return TaskGuess(kind, answer, f"{answer!r} has {length:.0f} characters on average")


def _points(use: Use, column: ColumnShape, rows: int) -> float:
    """How much speaks for a use; 0 excludes it."""
    named = bool(NAMES[use] & _words(column.name))
    if not FITS[use](column, rows) or (use in BY_NAME_ONLY and not named):
        return 0
    weight = column.mean_length if use == "text" else 1 + (column.type in ("text", "boolean"))
    return weight * (4 if named else 1)


def half_a_split(columns: Sequence[ColumnShape]) -> str | None:
    """A column that names splits, but of the rows looked at none to train on or none to grade."""
    return next(
        (
            column.name
            for column in columns
            if _splits(column) and NAMES["split"] & _words(column.name) and not _is_split(column, 0)
        ),
        None,
    )


def _splits(column: ColumnShape) -> frozenset[str]:
    """The splits that the column names; none if it holds anything else."""
    values = frozenset(value.strip().lower() for value, _ in column.common)
    return values if values <= SPLITS else frozenset()


def _is_split(column: ColumnShape, rows: int) -> bool:
    values = _splits(column)
    return bool(values & TRAIN and values & TEST)


def _is_id(column: ColumnShape, rows: int) -> bool:
    named = bool(NAMES["id"] & _words(column.name))
    short = column.words < 1.5 and column.mean_length <= 80
    return column.distinct == rows > 1 and short and (named or column.type == "text")


def _is_time(column: ColumnShape, rows: int) -> bool:
    named = bool(NAMES["time"] & _words(column.name))
    return column.type == "time" or (named and column.type == "integer")


def _is_text(column: ColumnShape, rows: int) -> bool:
    named = bool(NAMES["text"] & _words(column.name))
    long = column.words >= 3 and _varies(column, rows)
    return column.type == "text" and column.empty < 0.5 and (long or named)


def _is_label(column: ColumnShape, rows: int) -> bool:
    few = LABELS[0] <= column.distinct <= LABELS[1] and column.empty < 0.5
    plain = column.type not in ("number", "structure", "time")
    named_otherwise = _words(column.name) & (NAMES["group"] | NAMES["title"]) - NAMES["label"]
    return (
        not named_otherwise
        and not _splits(column)
        and few
        and plain
        and _repeats(column, rows)
        and column.mean_length <= SHORT_ANSWER
    )


def _varies(column: ColumnShape, rows: int) -> bool:
    return 2 * column.distinct > (1 - column.empty) * rows


def _is_shared(column: ColumnShape, rows: int) -> bool:
    """Whether any value stands twice: one text that two rows ask about is enough to group them."""
    return 1 < column.distinct < round((1 - column.empty) * rows)


def _repeats(column: ColumnShape, rows: int) -> bool:
    return column.distinct > 1 and not _varies(column, rows)


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
