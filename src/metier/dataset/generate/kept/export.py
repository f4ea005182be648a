"""Accepted rows in the forms that trainers read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from metier.errors import DataError
from metier.store import write_text
from metier.types import GeneratedRow, Json


def export(rows: Sequence[GeneratedRow], path: Path, form: str, *, role: str = "") -> None:
    """Write one JSON object a line; ``form`` is one of ``FORMS``, ``role`` a system message."""
    check_form(form)
    lines = [json.dumps(FORMS[form](row, role), ensure_ascii=False) for row in rows]
    write_text(path, "".join(line + "\n" for line in lines))


def check_form(form: str) -> None:
    """Raise ``DataError`` unless ``form`` is one of ``FORMS``."""
    if form not in FORMS:
        raise DataError(f"there is no form {form!r}; there is {', '.join(FORMS)}")


def _trl(row: GeneratedRow, role: str) -> Json:
    """Conversational prompt and completion: TRL computes the loss on the completion alone."""
    asked = [{"role": "user", "content": row.question}]
    answered = [{"role": "assistant", "content": row.answer}]
    return {"prompt": _system(role) + asked, "completion": answered}


def _chatml(row: GeneratedRow, role: str) -> Json:
    turns = [("user", row.question), ("assistant", row.answer)]
    said = [("system", role), *turns] if role else turns
    return {"messages": [{"role": who, "content": text} for who, text in said]}


def _alpaca(row: GeneratedRow, role: str) -> Json:
    filled = {"instruction": row.question, "input": "", "output": row.answer}
    return {**filled, "system": role} if role else filled


def _sharegpt(row: GeneratedRow, role: str) -> Json:
    turns = [{"from": "human", "value": row.question}, {"from": "gpt", "value": row.answer}]
    return {"conversations": ([{"from": "system", "value": role}] if role else []) + turns}


def _questions(row: GeneratedRow, role: str) -> Json:
    """The columns of a recipe's ``[questions]``; no answer where the documents hold none."""
    answer = "" if row.kind == "unanswerable" else row.answer
    return {
        "id": row.id,
        "question": row.question,
        "answer": answer,
        "document": row.provenance.document,
        "kind": row.kind,
    }


def _system(role: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": role}] if role else []


FORMS: Mapping[str, Callable[[GeneratedRow, str], Json]] = {
    "trl": _trl,
    "chatml": _chatml,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "questions": _questions,
}
