"""A person's accept, edit or reject for each row; kept beside the project, past any new run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from metier import serial
from metier.errors import DataError
from metier.store import write_text
from metier.types import GeneratedRow, Review

REVIEWS = "reviews.jsonl"
"""In the project folder: what people said of generated rows."""


def read_reviews(path: Path) -> dict[str, Review]:
    """The latest review of each row, by the row's id; none where there is no file yet."""
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            review = _review(line, f"{path}:{number}")
            found[review.row] = review
    return found


def keep_reviews(path: Path, reviews: Iterable[Review]) -> dict[str, Review]:
    """Add reviews to those kept; a later one of the same row takes its place."""
    kept = read_reviews(path) | {review.row: review for review in reviews}
    lines = [json.dumps(serial.to_json(review), ensure_ascii=False) for review in kept.values()]
    write_text(path, "".join(line + "\n" for line in lines))
    return kept


def write_form(path: Path, rows: Sequence[GeneratedRow], reviews: dict[str, Review]) -> None:
    """Rows as JSONL for an editor: change ``question`` or ``answer``, or write a verdict."""
    lines = []
    for row in rows:
        earlier = reviews.get(row.id)
        edited = earlier if earlier and earlier.verdict == "edit" else None
        form = {
            "row": row.id,
            "verdict": earlier.verdict if earlier else "",
            "question": (edited.question if edited else "") or row.question,
            "answer": (edited.answer if edited else "") or row.answer,
            "reason": earlier.reason if earlier else "",
            "quotes": list(row.quotes),
            "document": row.provenance.document,
        }
        lines.append(json.dumps(form, ensure_ascii=False))
    write_text(path, "".join(line + "\n" for line in lines))


def read_form(path: Path, rows: Sequence[GeneratedRow]) -> list[Review]:
    """The reviews in a form that came back: changed words are an edit, an empty verdict is none."""
    known = {row.id: row for row in rows}
    reviews = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        review = _review(line, f"{path}:{number}", empty="accept")
        row = known.get(review.row)
        if row is None:
            raise DataError(f"{path}:{number}: there is no row {review.row!r} in this dataset")
        changed = (review.question or row.question, review.answer or row.answer) != (
            row.question,
            row.answer,
        )
        given = bool(json.loads(line).get("verdict"))
        if review.verdict == "reject" or not changed:
            if given:
                reviews.append(
                    Review(
                        review.row,
                        "reject" if review.verdict == "reject" else "accept",
                        reason=review.reason,
                    )
                )
        else:
            reviews.append(
                Review(review.row, "edit", review.question, review.answer, review.reason)
            )
    return reviews


def _review(line: str, where: str, *, empty: str | None = None) -> Review:
    """One line as a review; what a form says besides is left out."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict) or "row" not in value:
            raise ValueError("it has no `row`")
        if empty is not None and not value.get("verdict"):
            value["verdict"] = empty
        fields = {
            key: value[key]
            for key in ("row", "verdict", "question", "answer", "reason")
            if key in value
        }
        return serial.from_json(Review, fields)
    except ValidationError as error:
        fault = error.errors()[0]
        key = fault["loc"][-1] if fault["loc"] else ""
        raise DataError(f"{where}: {key}: {fault['msg']}, got {fault['input']!r}") from None
    except ValueError as error:
        raise DataError(f"{where} is no review: {error}") from None
