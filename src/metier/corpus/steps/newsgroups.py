"""scikit-learn's own three rules for the 20 newsgroups, so that its figures can be reproduced.

Used in this order they equal ``fetch_20newsgroups(remove=("headers", "footers", "quotes"))``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from metier.corpus.edits import Draft, Edit

_QUOTE = re.compile(
    r"writes in|writes:|wrote:|says:|said:|^In article|^Quoted from|^\||^>", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class NewsgroupsHeaders:
    """Delete everything up to the first empty line; all, where there is none."""

    name: ClassVar[str] = "newsgroups_headers"

    def edits(self, draft: Draft) -> list[Edit]:
        end = draft.text.find("\n\n")
        return [Edit(0, len(draft.text) if end < 0 else end + 2)]


@dataclass(frozen=True, slots=True)
class NewsgroupsQuotes:
    """Delete lines that begin with ``>`` or ``|`` or look like the beginning of a quotation."""

    name: ClassVar[str] = "newsgroups_quotes"

    def edits(self, draft: Draft) -> list[Edit]:
        text = draft.text
        edits: list[Edit] = []
        end = -1
        for match in _QUOTE.finditer(text):
            if match.start() < end:
                continue
            start = text.rfind("\n", 0, match.start()) + 1
            newline = text.find("\n", match.start())
            end = len(text) if newline < 0 else newline + 1
            edits.append(Edit(start, end))
        return _without_last_newline(text, edits)


@dataclass(frozen=True, slots=True)
class NewsgroupsFooters:
    """Delete the last block that an empty line or a line of hyphens sets apart."""

    name: ClassVar[str] = "newsgroups_footers"

    def edits(self, draft: Draft) -> list[Edit]:
        text = draft.text
        first = len(text) - len(text.lstrip())
        end = len(text.rstrip())
        while end > first:
            start = text.rfind("\n", first, end) + 1
            if start <= first:
                return []
            if text[start:end].strip().strip("-") == "":
                return [Edit(0, first), Edit(start - 1, len(text))]
            end = start - 1
        return []


def _without_last_newline(text: str, edits: list[Edit]) -> list[Edit]:
    """Lines are joined by newlines: when the last ones go, so does the newline before them."""
    if not edits or edits[-1].end < len(text) or text.endswith("\n"):
        return edits
    first = len(edits) - 1
    while first and edits[first - 1].end == edits[first].start:
        first -= 1
    start = edits[first].start
    return [*edits[:first], Edit(max(0, start - 1), len(text))]
