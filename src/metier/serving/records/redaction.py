"""Takes personal data out of what the log keeps."""

from __future__ import annotations

from metier.corpus.edits import apply_edits, first_draft, in_order
from metier.corpus.steps.personal import PersonalData
from metier.types import Document, Json


def redacted(text: str) -> str:
    """The text without e-mail addresses, phone and card numbers, and the like."""
    draft = first_draft(Document("", text))
    return apply_edits(draft, in_order(text, PersonalData().edits(draft))).text


def redacted_texts(body: Json) -> Json:
    """All that people wrote in a request, redacted; settings and schemas stay."""
    written = ("messages", "input", "instructions", "prompt")
    return {key: _within(part) if key in written else part for key, part in body.items()}


def _within(part: Json) -> Json:
    if isinstance(part, str):
        return redacted(part)
    if isinstance(part, list):
        return [_within(one) for one in part]
    return {key: _within(one) for key, one in part.items()} if isinstance(part, dict) else part
