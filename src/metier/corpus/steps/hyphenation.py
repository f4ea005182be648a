"""Join words that a line's end split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from metier.corpus.edits import Draft, Edit
from metier.errors import DataError

_SOFT = "\u00ad"
_SPLIT = re.compile(r"(?<![^\W_])([^\W\d_]+)([-\u2010\u00ad])[ \t]*\n\s*([^\W\d_]+)")
_LOST = re.compile(r"(?<![\w'’-])([^\W\d_]+)\n([^\W\d_]+)(?![\w-]|['’](?!s\b))")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
RARE = 10
"""A half that is so many times rarer than the whole, and stands nowhere else, is none by itself:
"dis" / "covered", but not "con" / "stable"."""


@dataclass(frozen=True, slots=True)
class Hyphenation:
    """Put the two halves of a word together again, judging by the rest of the document.

    A soft hyphen always goes. A plain one goes when the joined word stands elsewhere in the
    document, stays when the hyphenated word does, or when both halves are words of their own
    there ("well-known"), and otherwise goes only between lower-case letters.

    Raises ``DataError`` for a language without a dictionary.
    """

    lost: bool = False
    """Also join where the extraction lost the hyphen itself ("Inter" / "state"): when the joined
    word stands elsewhere and one half never does."""
    dictionary: str = ""
    """A language's code (``en``): lost hyphens are also restored where the joined word is in its
    dictionary and one half stands nowhere else in the document, and is not in the dictionary or
    ten times as rare."""
    name: ClassVar[str] = "hyphenation"

    def __post_init__(self) -> None:
        if self.dictionary:
            _dictionary(self.dictionary)

    def edits(self, draft: Draft) -> list[Edit]:
        text = draft.text
        splits = list(_SPLIT.finditer(text))
        losses = list(_LOST.finditer(text)) if self.lost or self.dictionary else []
        if not splits and not losses:
            return []
        words = _words_elsewhere(text, [*splits, *losses])
        known = _dictionary(self.dictionary) if self.dictionary else {}
        edits = [
            Edit(split.end(1) if _goes(split, words) else split.end(2), split.start(3))
            for split in splits
        ]
        return edits + [
            Edit(loss.end(1), loss.start(2)) for loss in losses if _was_one_word(loss, words, known)
        ]


def _words_elsewhere(text: str, splits: list[re.Match[str]]) -> Counter[str]:
    """How often each word stands in the document, not counting the halves of the splits."""
    words = Counter(word.lower().replace("\u2010", "-") for word in _WORD.findall(text))
    for split in splits:
        first, second = split.group(1).lower(), split.groups()[-1].lower()
        words[first] -= 1
        words[second] -= 1
    return words


def _goes(split: re.Match[str], words: Counter[str]) -> bool:
    first, hyphen, second = split.groups()
    if hyphen == _SOFT:
        return True
    low_first, low_second = first.lower(), second.lower()
    joined, hyphenated = words[low_first + low_second], words[f"{low_first}-{low_second}"]
    if joined > 0 or hyphenated > 0:
        return joined > hyphenated
    if words[low_first] > 0 and words[low_second] > 0:
        return False
    return first[-1].islower() and second[0].islower()


def _was_one_word(loss: re.Match[str], words: Counter[str], frequency: Mapping[str, int]) -> bool:
    first, second = loss.group(1).lower(), loss.group(2).lower()
    whole = first + second
    if not loss.group(2)[0].islower() or (words[first] > 0 and words[second] > 0):
        return False
    if words[whole] > 0:
        return True
    strange = (frequency.get(half, 0) for half in (first, second) if words[half] <= 0)
    return any(RARE * times < frequency.get(whole, 0) for times in strange)


@cache
def _dictionary(language: str) -> Mapping[str, int]:
    """How often each word of a language, in small letters, stands in the subtitles of films."""
    from spellchecker import SpellChecker

    if language not in SpellChecker.languages():
        raise DataError(
            f'step "hyphenation" has no dictionary "{language}"; '
            f"choose from {', '.join(sorted(SpellChecker.languages()))}"
        )
    found: Mapping[str, int] = SpellChecker(language=language).word_frequency.dictionary
    return found
