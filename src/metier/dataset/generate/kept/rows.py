"""Generated rows on disk, one JSON object a line, and as examples that train."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from metier import serial
from metier.dataset.generate.run import Generated
from metier.errors import DataError, EmptyStageError
from metier.store import write_text
from metier.types import ABSTENTION, Example, GeneratedRow, GenerationReport, Review

ACCEPTED, REJECTED, REPORT = "accepted.jsonl", "rejected.jsonl", "report.json"


def write_generated(generated: Generated, directory: Path) -> None:
    """Accepted and rejected rows, and the report, into a step's directory."""
    write_rows(directory / ACCEPTED, generated.accepted)
    write_rows(directory / REJECTED, generated.rejected)
    write_text(directory / REPORT, serial.dump(generated.report))


def read_generated(directory: Path) -> Generated:
    """What ``write_generated`` wrote."""
    return Generated(
        tuple(read_rows(directory / ACCEPTED)),
        tuple(read_rows(directory / REJECTED)),
        serial.read(GenerationReport, directory / REPORT),
    )


def write_rows(path: Path, rows: Iterable[GeneratedRow]) -> None:
    """One JSON object a line; old or new whole."""
    lines = [json.dumps(serial.to_json(row), ensure_ascii=False) for row in rows]
    write_text(path, "".join(line + "\n" for line in lines))


def read_rows(path: Path) -> list[GeneratedRow]:
    """Rows of a JSONL file; a line that is none is named."""
    rows = []
    # Not splitlines(): JSON leaves U+2028 inside a string as it is.
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                rows.append(serial.from_json(GeneratedRow, json.loads(line)))
            except (ValueError, ValidationError) as error:
                reason = str(error).splitlines()[0]
                raise DataError(f"{path}:{number} is no generated row: {reason}") from None
    return rows


def reviewed(rows: Sequence[GeneratedRow], reviews: Mapping[str, Review]) -> list[GeneratedRow]:
    """The rows that may train: accepted by the checks and not rejected by a person, as edited."""
    kept = []
    for row in rows:
        review = reviews.get(row.id)
        if row.dropped is not None or (review and review.verdict == "reject"):
            continue
        if review and review.verdict == "edit":
            row = _edited(row, review)
        kept.append(row)
    return kept


def _edited(row: GeneratedRow, review: Review) -> GeneratedRow:
    """The row in a person's words; one that could not be answered can be, where they answer it."""
    question, answer = review.question or row.question, review.answer or row.answer
    is_answered = row.kind == "unanswerable" and answer not in (row.answer, ABSTENTION)
    kind = "factual" if is_answered else row.kind
    return replace(row, question=question, answer=answer, kind=kind)


def examples(
    rows: Sequence[GeneratedRow], reviews: Mapping[str, Review] | None = None
) -> list[Example]:
    """What trains and tests: question, answer, evidence; a document's rows are one group.

    The group is the document, not the fact: two facts of one passage share its words, and a test
    on a document that was trained on would grade on what was learnt. Raises ``EmptyStageError``.
    """
    kept = reviewed(rows, reviews or {})
    if not kept:
        raise EmptyStageError("making examples", {"rejected": len(rows)})
    return [
        Example(
            id=row.id,
            input=row.question,
            target=ABSTENTION if row.kind == "unanswerable" else row.answer,
            group=row.provenance.document,
            evidence=row.evidence,
            origin=row.provenance.document,
            kind=row.kind,
            metadata={
                "generator": row.provenance.generator,
                "chunk": row.provenance.chunk,
                "fact": row.fact,
            },
        )
        for row in kept
    ]
