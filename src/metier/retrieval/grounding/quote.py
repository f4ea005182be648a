"""Finds where a passage says a text word for word, or nearly so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from metier.retrieval.grounding.signs import is_minus

_SAME = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "\u00ad": "",
        "\u200b": "",
        "\ufeff": "",
    }
)
_UNSPACED = re.compile("[぀-ヿ㐀-䶿一-鿿豈-﫿฀-໿က-႟ក-៿]")
_FUZZY_FROM = 16
"""Characters; a shorter text differs from another one too easily by what matters in it."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A stretch of a passage that says what was looked for."""

    start: int
    end: int
    ratio: float
    """Share of characters that agree: 1 for exact and normalised quotes."""
    kind: Literal["exact", "normalised", "fuzzy"]


def find_quotes(wanted: str, passage: str) -> list[Quote]:
    """Every place where the passage has these words, in order; whole words only.

    Exact places first; where there is none, those that differ in case, white space, the kind of
    quotation marks and dashes, or Unicode's compatibility forms alone.
    """
    wanted = wanted.strip()
    if not wanted:
        return []
    exact = [Quote(start, end, 1.0, "exact") for start, end in _places(wanted, passage)]
    if exact:
        return exact
    folded = fold(passage)
    return [
        Quote(folded.starts[start], folded.ends[end - 1], 1.0, "normalised")
        for start, end in _places(fold(wanted).text.strip(), folded.text)
    ]


def nearest_quote(wanted: str, passage: str, *, least: float = 0.8) -> Quote | None:
    """The first quote, else the stretch that agrees best with the text; None below ``least``.

    The stretch is widened to whole words. Texts below 16 characters have to be quoted as they are.
    """
    found = find_quotes(wanted, passage)
    if found:
        return found[0]
    from rapidfuzz import fuzz

    needle, folded = fold(wanted).text.strip(), fold(passage)
    if len(needle) < _FUZZY_FROM or len(needle) > 2 * len(folded.text):
        return None
    aligned = fuzz.partial_ratio_alignment(needle, folded.text, score_cutoff=100 * least)
    if aligned is None or aligned.dest_end <= aligned.dest_start:
        return None
    start, end = folded.starts[aligned.dest_start], folded.ends[aligned.dest_end - 1]
    while start > 0 and passage[start - 1].isalnum() and passage[start].isalnum():
        start -= 1
    while end < len(passage) and passage[end].isalnum() and passage[end - 1].isalnum():
        end += 1
    return Quote(start, end, aligned.score / 100, "fuzzy")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in its plainest form, with the way back."""

    text: str
    starts: tuple[int, ...]
    """For each character, where what it came from begins in the original."""
    ends: tuple[int, ...]


@lru_cache(maxsize=512)
def fold(text: str) -> Folded:
    """Casefolded, compatibility forms and marks made one, each run of white space one blank."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for place, character in enumerate(text):
        plain = unicodedata.normalize("NFKC", character).translate(_SAME).casefold()
        if not plain.strip():
            if not plain or not parts:
                continue
            plain = " "
            if parts[-1] == " ":
                ends[-1] = place + 1
                continue
        for one in plain:
            parts.append(one)
            starts.append(place)
            ends.append(place + 1)
    return Folded("".join(parts), tuple(starts), tuple(ends))


def _places(wanted: str, text: str) -> Iterator[tuple[int, int]]:
    """Where ``text`` has ``wanted`` as whole words; no two places overlap."""
    if not wanted:
        return
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        whole = _edge(text, start) and _edge(text, end) and not _inside_number(text, start, end)
        if whole and is_minus(text, start) == is_minus(wanted, 0):
            yield start, end
            start = text.find(wanted, end)
        else:
            start = text.find(wanted, start + 1)


def _edge(text: str, place: int) -> bool:
    """Whether a word begins or ends here, or writing goes without blanks."""
    if not 0 < place < len(text):
        return True
    before, after = text[place - 1], text[place]
    if not (before.isalnum() and after.isalnum()):
        return True
    return bool(_UNSPACED.match(before) or _UNSPACED.match(after))


def _inside_number(text: str, start: int, end: int) -> bool:
    """Whether the place is a part of a longer number: the 3 of 3.5, the 000 of 1,000, 5 of -5."""
    if start and is_minus(text, start - 1):
        return True
    left = start >= 2 and text[start].isdigit() and text[start - 1] in ".,"
    right = end + 1 < len(text) and text[end - 1].isdigit() and text[end] in ".,"
    return (left and text[start - 2].isdigit()) or (right and text[end + 1].isdigit())
