"""Answers read off the fields of what was found: what a table says exactly needs no model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from metier.errors import DataError
from metier.types import Hit


class Fields:
    """Which words of a question ask for which field of a document's metadata.

    The first field whose words the question has is meant, so put the broadest words last.
    """

    def __init__(self, asked_by: Mapping[str, str]) -> None:
        """Field by field the words that ask for it, as a regular expression (``called|names?``).

        Raises ``DataError`` for one that is none.
        """
        self._asked_by = {field: _whole_words(field, words) for field, words in asked_by.items()}

    def read(self, question: str, hits: Sequence[Hit]) -> str | None:
        """What the best hit has in the field that is asked for; None when it has none."""
        asked = (name for name, words in self._asked_by.items() if words.search(question))
        field = next(asked, None)
        value = hits[0].metadata.get(field) if field is not None and hits else None
        if not value:
            return None
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _whole_words(field: str, words: str) -> re.Pattern[str]:
    try:
        return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    except re.error as error:
        raise DataError(
            f"fields: {field} = {words!r} is no regular expression ({error}); write the words that "
            'ask for it, such as "called|names?"'
        ) from None
