"""Takes personal data out of what the log keeps."""

from __future__ import annotations

import json
import re

from metier.corpus.edits import apply_edits, first_draft, in_order
from metier.corpus.steps.personal import PersonalData
from metier.types import Document, Json

_SETTINGS = frozenset(
    (
        *("model", "role", "type", "id", "call_id", "tool_call_id", "name", "version", "as_of"),
        *("kind", "inputs", "$ref", "$id", "$schema", "format", "pattern", "required"),
    )
)
"""Keys whose texts nobody wrote to be read; without them a request could not be run again."""
_TYPED = re.compile(r"\\[nrt]")
_GIVEN = frozenset(("variables", "settings", "metadata"))
"""Keys with whatever a client gives: any name may hold what a person wrote."""


def redacted(text: str) -> str:
    """The text without e-mail addresses, phone and card numbers, and the like.

    What is JSON is looked at in its strings first: an escape before a number hides it.
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return _plain(text)
        kept = redacted_texts(said, settings=frozenset())
        text = text if kept == said else json.dumps(kept, ensure_ascii=False)
    return _plain(text)


def redacted_texts(part: Json, *, settings: frozenset[str] = _SETTINGS) -> Json:
    """Every text in it redacted, but for what keys of ``settings`` hold."""
    if isinstance(part, str):
        return redacted(part)
    if isinstance(part, list):
        return [redacted_texts(one, settings=settings) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: one
        if key in settings and not _holds_objects(one)
        else redacted_texts(one, settings=frozenset() if key in _GIVEN else settings)
        for key, one in part.items()
    }


def _holds_objects(part: Json) -> bool:
    """As where a schema has a property of that name."""
    return isinstance(part, dict) or (
        isinstance(part, list) and any(isinstance(one, dict | list) for one in part)
    )


def _plain(text: str) -> str:
    """Where code prints a text as it would be typed, its line ends are no letters either."""
    read = first_draft(Document("", _TYPED.sub("  ", text)))
    finds = in_order(text, PersonalData().edits(read))
    return apply_edits(first_draft(Document("", text)), finds).text
