"""Facts of a domain's own documents, found by regular expressions that its expert writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from metier.errors import DataError
from metier.types import QuestionKind

_NAMED = re.compile(r"(?<!\\)\$([^\W\d]\w*)")
"""An end of line is never followed by a letter, so ``$name`` means nothing else."""


@dataclass(frozen=True, slots=True)
class PatternRule:
    """A fact of these documents that a regular expression finds.

    ``find`` is searched in the document's passages and must have a group ``answer``; ``question``
    is a template in which ``$subject`` and the other groups' names stand for what was found. Of a
    passage's matches the first counts whose question the document has not been asked yet.
    """

    find: str
    question: str
    kind: QuestionKind = "factual"

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.find).groupindex
        except re.error as error:
            raise DataError(
                f"the pattern {self.find!r} is no regular expression: {error}"
            ) from None
        if "answer" not in groups:
            raise DataError(f"the pattern {self.find!r} has no group (?P<answer>...)")


def written_out(pattern: str, forms: Mapping[str, str]) -> str:
    """A regular expression with the form of that name in place of each ``$name``.

    A form may use those that stand before it. DataError for a name that no form has.
    """
    known: dict[str, str] = {}
    for name, form in forms.items():
        known[name] = f"(?:{_filled(form, known)})"
    return _filled(pattern, known)


def _filled(pattern: str, known: Mapping[str, str]) -> str:
    def form(match: re.Match[str]) -> str:
        if match[1] not in known:
            told = f"before it stand {', '.join(known)}" if known else "there is none before it"
            raise DataError(f"the pattern {pattern!r} uses the form ${match[1]}; {told}")
        return known[match[1]]

    return _NAMED.sub(form, pattern)
