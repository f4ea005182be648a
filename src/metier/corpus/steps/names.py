"""Take out the words that would give a document's label away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from metier.corpus.edits import Draft, Edit
from metier.errors import DataError


@dataclass(frozen=True, slots=True)
class RemoveNames:
    """Delete the words listed in the document's own metadata, in upper or lower case.

    A name counts where no letter or digit touches it, so ``email`` goes from ``email.policy`` and
    ``_email`` but not from ``emails``. A name written in another way stays.
    """

    key: str = "names"
    """The metadata entry that holds the list of names (one string is a list of one)."""
    name: ClassVar[str] = "remove_names"

    def edits(self, draft: Draft) -> list[Edit]:
        names = draft.document.metadata.get(self.key) or ()
        if isinstance(names, str):
            names = (names,)
        if not all(isinstance(name, str) for name in names):
            raise DataError(
                f'step "remove_names": metadata "{self.key}" of document {draft.document.id!r} '
                "must be a list of strings"
            )
        longest_first = sorted({name for name in names if name.strip()}, key=len, reverse=True)
        if not longest_first:
            return []
        words = "|".join(re.escape(name) for name in longest_first)
        pattern = re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.IGNORECASE)
        return [Edit(*match.span()) for match in pattern.finditer(draft.text)]
