"""Where the sentences of a text begin and end."""

from __future__ import annotations

import re

_BREAK = re.compile(
    r"[.!?…][\"'”’»)\]]{0,3}\s+(?=[^\sa-z])"  # a mark, then no small letter
    r"|[。！？][”’」』）]{0,2}"
    r"|\n[^\S\n]*\n\s*"  # a blank line
    r"|\n\s*(?=[-*•#]\s|\d{1,2}[.)]\s)"  # an item of a list, a heading
)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘«]+$")
_SHORTENED = (
    "al approx bzw ca cf co col corp dept dr e.g ed eds eq et etc fig figs gen gov i.e inc jr lt "
    "ltd mr mrs ms no nr nos op p pp prof rep resp rev sen sr st u.s u.k v vol vs z.b"
)
_ABBREVIATIONS = frozenset(_SHORTENED.split())


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets of each sentence, in order, without white space at either end.

    Cut after a mark that no small letter follows, at blank lines and before items of lists; not
    after an initial or a known abbreviation. They hold every character but white space.
    """
    bounds: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        if text[match.start()] == "." and _abbreviated(text, start, match.start()):
            continue
        _add(bounds, text, start, match.end())
        start = match.end()
    _add(bounds, text, start, len(text))
    return bounds


def _abbreviated(text: str, start: int, mark: int) -> bool:
    last = _LAST_WORD.search(text, start, mark)
    if last is None:
        return False
    word = last.group()
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper())


def _add(bounds: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    part = text[start:end]
    if part.strip():
        left = len(part) - len(part.lstrip())
        bounds.append((start + left, start + len(part.rstrip())))
