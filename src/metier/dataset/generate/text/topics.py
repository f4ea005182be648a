"""What a passage speaks of by name, to ask for a summary of one or for the link between two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations

from metier.dataset.generate.text.given import language_of
from metier.dataset.generate.text.passage import Passage
from metier.dataset.generate.text.sentences import Sentence, one_line

_CAPITAL = "[A-ZÀ-ÖØ-Þ]"
_JOINS = "of for and the & v. de del la du des da do di von van der"
_OPENS = (
    "A An The This That These Those Such Our Its His Her Their See Cf Id Ibid And But Or In On At "
    "As Of For From By To With Not No"
)
_WORD = rf"{_CAPITAL}[\w-]*"
_JOIN = f"(?: (?:{'|'.join(map(re.escape, _JOINS.split()))})){{0,2}}"
_RUN = re.compile(rf"\b{_WORD}(?:{_JOIN} {_WORD})*")
_OPENING = frozenset(_OPENS.split() + _JOINS.split())
"""Words with which no name begins, wherever they stand."""
_GOES_ON = re.compile(r"\. ?[\w§&(]|[’'](?!s\b)\w| \d")
"""Behind an abbreviation the name goes on, since the sentence does; before a number, a date."""
_LETTERS = re.compile(r"[^\W\d_]+")
SHORT = 6
"""Letters up to which a single capitalised word says too little to be asked about."""


def topics(passage: Passage) -> list[str]:
    """The names in a passage, its document's own aside; first those that most sentences have.

    A word that the document also writes in small letters is no name by itself, and none at the
    beginning of a sentence.
    """
    said = [set(_names(sentence, passage)) for sentence in passage.sentences]
    found = set().union(*said)
    counts = {name: sum(name in names for names in said) for name in found}
    return sorted(found, key=lambda name: (-counts[name], -len(name), name))


def linked(passage: Passage, among: Sequence[Sentence]) -> list[tuple[str, str]]:
    """Two names that one of these sentences has, neither a part of the other."""
    pairs = [
        pair
        for sentence in among
        for pair in combinations(dict.fromkeys(_names(sentence, passage)), 2)
        if pair[0] not in pair[1] and pair[1] not in pair[0]
    ]
    return list(dict.fromkeys(pairs))


def _names(sentence: Sentence, passage: Passage) -> Iterator[str]:
    """In the sentence's order."""
    text, small = one_line(sentence.text), _small_words(passage.document.text)
    known = passage.subject.casefold()
    single = language_of(passage) != "de"  # where any noun has a capital
    for run in _RUN.finditer(text):
        words = run.group().split()
        begins = not run.start()
        while words and (words[0] in _OPENING or (begins and words[0].lower() in small)):
            words, begins = words[1:], False
        name = " ".join(words)
        if not words or _GOES_ON.match(text, run.end()) or name.casefold() in known:
            continue
        if len(words) > 1 or (single and not begins and _tells_alone(name, small)):
            yield name


def _tells_alone(word: str, small: frozenset[str]) -> bool:
    acronym = word.isupper() and len(word) > 2
    return acronym or (len(word) > SHORT and word.lower() not in small)


@lru_cache(maxsize=256)
def _small_words(text: str) -> frozenset[str]:
    """The words that a document also writes in small letters."""
    return frozenset(word for word in _LETTERS.findall(text) if word.islower())
