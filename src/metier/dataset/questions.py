"""Examples that are questions about the documents of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from metier.dataset.right_answers import right_answers
from metier.errors import DataError
from metier.types import ABSTENTION, Document, Example, Json


@dataclass(frozen=True, slots=True)
class QuestionColumns:
    """Which entry of a row's metadata holds what."""

    answer: str
    document: str = ""
    """The id of the document that answers; "" where rows name none."""
    kind: str = ""
    group: str = ""
    """What never crosses splits; the document when empty."""


def questions_from(
    rows: Iterable[Document], documents: Iterable[str], columns: QuestionColumns
) -> list[Example]:
    """One example per row, whose text is the question; ``documents`` are the corpus's ids.

    A row without an answer is one that the documents do not answer: its target is to abstain. Of
    several right ones (``right_answers``) the first is the target, the others are aliases. A row
    about a document that the corpus does not hold is left out: nothing there answers it.
    Raises ``DataError`` for a column that is not there, and when the corpus holds none of the
    documents asked about.
    """
    known = frozenset(documents)
    examples = []
    for row in rows:
        document = _entry(row, columns.document)
        answers = right_answers(_value(row, columns.answer))
        examples.append(
            Example(
                id=row.id,
                input=row.text.strip(),
                target=answers[0] if answers else ABSTENTION,
                group=_entry(row, columns.group) or document,
                origin=document,
                kind=_entry(row, columns.kind),
                metadata=row.metadata,
                aliases=answers[1:],
            )
        )
    _check_documents(examples, known, columns.document)
    return [row for row in examples if not row.origin or row.origin in known]


def _check_documents(examples: Sequence[Example], known: frozenset[str], column: str) -> None:
    """Some may be missing, since of duplicates one is kept; not every one of them."""
    asked = [row for row in examples if row.origin]
    if asked and not any(row.origin in known for row in asked):
        first = asked[0]
        raise DataError(
            f'the question "{first.id}" is about the document "{first.origin}", which the corpus '
            f"does not hold{_nearest(first.origin, known)}, nor any that the other questions are "
            f'about; column "{column}" must hold the documents\' ids'
        )


def _entry(row: Document, column: str) -> str:
    value = _value(row, column) if column else None
    return "" if value is None else str(value).strip()


def _value(row: Document, column: str) -> Json:
    if column not in row.metadata:
        raise DataError(
            f'the question "{row.id}" ({row.uri}) has no column "{column}"'
            f"{_nearest(column, row.metadata)}"
        )
    return row.metadata[column]


def _nearest(word: str, known: Iterable[str] | Mapping[str, Json]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""
