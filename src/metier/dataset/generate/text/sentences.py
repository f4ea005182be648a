"""Sentences of a passage with their offsets, and text made comparable."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_BREAK = re.compile(
    r"[.!?。！？][\"'”’)\]]{0,3}(?:(?=\s|$)|(?:\d{1,2}|[*†‡]{1,3})(?=\s+[A-Z]))|\n\s*\n|[。！？]|(?:^|\n)[^\S\n]*(?:[A-Z]|[IVX]+|\d{1,3})[.)]?[^\S\n]*(?=\n)"
)
"""Ends of sentences, paragraphs, and lines that hold only a heading's or a page's number."""
_ABBREVIATION = re.compile(
    r"(?:^|[\s(“\"])(?:[A-Z]|v|vs|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|No|Nos|Inc|Co|Corp|Ltd|Bros|Art|Arts|"
    r"Sec|Cl|Ch|Fig|Eq|Vol|pp?|cf|Cf|al|etc|viz|approx|ca|i\.e|e\.g|Gen|Gov|Sen|Rep|Lt|Col|Capt|"
    r"App|Cir|Civ|Crim|Ct|Evid|Proc|Rev|Stat|Supp|Ed|Ann|Tr|Brief|Fed|Reg|Cong|Jan|Feb|Mar|Apr|"
    r"Aug|Sept?|Oct|Nov|Dec|"
    r"U\. ?S|S\. ?Ct|D\. ?C|[A-Z]\. ?[A-Z])$"
)
_WORD = re.compile(r"\w+(?:[’'.,-]\w+)*")
_BLANKS = re.compile(r"\s+")
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "\xad": None}
)
_ARTICLES = frozenset({"a", "an", "the"})


class Sentence(NamedTuple):
    """A sentence and its place in the text that it was found in."""

    text: str
    start: int
    end: int


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text, in order; ``text[start:end] == sentence.text``."""
    found: list[Sentence] = []
    start = 0
    for match in _BREAK.finditer(text):
        if _is_abbreviation(text[start : match.start()], match.group(), text[match.end() :][:3]):
            continue
        _add(found, text, start, match.end())
        start = match.end()
    _add(found, text, start, len(text))
    return found


def one_line(text: str) -> str:
    """The text with every run of white space as one blank."""
    return _BLANKS.sub(" ", text).strip()


def well_formed(text: str) -> str:
    """The text with ``?`` for each half of a surrogate pair, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def words(text: str) -> list[str]:
    """Words without case, accents of typography or articles, for comparing answers."""
    plain = unicodedata.normalize("NFKC", text).translate(_PLAIN).casefold()
    found = (word.strip(".,'") for word in _WORD.findall(plain))
    return [word for word in found if word and word not in _ARTICLES]


def token_f1(first: str, second: str) -> float:
    """Harmonic mean of the shares of words that two texts have in common, as SQuAD counts it."""
    one, other = words(first), words(second)
    rest, shared = list(other), 0
    for word in one:
        if word in rest:
            rest.remove(word)
            shared += 1
    return 2 * shared / (len(one) + len(other)) if shared else 0.0


def _is_abbreviation(before: str, mark: str, after: str) -> bool:
    if mark.startswith("."):
        following = after.lstrip()[:1]
        return bool(_ABBREVIATION.search(before[-12:])) or following.islower()
    return False


def _add(found: list[Sentence], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if right > left:
        found.append(Sentence(text[left:right], left, right))
