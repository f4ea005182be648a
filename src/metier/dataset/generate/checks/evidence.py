"""Where in a passage a quote stands, although white space, dashes or a few letters differ."""

from __future__ import annotations

import re
from typing import NamedTuple

from rapidfuzz import fuzz

from metier.dataset.generate.text.sentences import Sentence

LEAST_SIMILARITY = 92.0
"""Of a quote that is not found word for word. OCR and typography cost a few percent; a changed
number or name in a sentence of ordinary length costs more, and the support check looks again."""
_DASHES = "-‐‑–—"
_QUOTES = "'‘’“”\""
_IN_WORD = r"[^\W\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""A letter or digit, but of no script that puts no blanks between words or writes endings on."""


class Place(NamedTuple):
    """Offsets in the passage's text."""

    start: int
    end: int


def locate(quote: str, text: str) -> Place | None:
    """Where the passage says the quote; the first place when there are several.

    First as whole words. A word may be cut off, a number never: "30 days" is not in "130 days".
    """
    words = quote.strip().strip(_QUOTES + ". …").split()
    if not words:
        return None
    pattern = r"\s+".join(_loose(word) for word in words)
    for edge in (_IN_WORD, r"\d"):
        match = re.search(_within(edge, pattern, words), text, re.IGNORECASE)
        if match is not None:
            return Place(*match.span())
    if not 20 <= len(quote) <= len(text):
        return None  # short texts resemble each other by chance
    close = fuzz.partial_ratio_alignment(quote, text, score_cutoff=LEAST_SIMILARITY)
    if close is None or close.dest_end - close.dest_start < len(quote) // 2:
        return None
    return Place(close.dest_start, close.dest_end)


def sentence_around(place: Place, sentences: list[Sentence]) -> Place:
    """The place widened to the whole sentences that it touches."""
    touched = [s for s in sentences if s.start < place.end and place.start < s.end]
    if not touched:
        return place
    return Place(min(place.start, touched[0].start), max(place.end, touched[-1].end))


def _within(edge: str, pattern: str, words: list[str]) -> str:
    """The pattern where neither of its ends parts two characters of this kind."""
    before = f"(?<!{edge})" if re.match(edge, words[0][0]) else ""
    after = f"(?!{edge})" if re.match(edge, words[-1][-1]) else ""
    return before + pattern + after


def _loose(word: str) -> str:
    out = []
    for character in word:
        if character in _DASHES:
            out.append(f"[{_DASHES}]")
        elif character in _QUOTES:
            out.append(f"[{_QUOTES}]{{1,2}}")
        else:
            out.append(re.escape(character))
    return "".join(out)
