"""A text as its words: stems, places, numbers, names, and which words say nothing alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from metier.retrieval.grounding.denials import denials, is_denial
from metier.retrieval.grounding.sentences import sentences
from metier.retrieval.grounding.signs import MINUS
from metier.retrieval.store.words import recognise, terms

_WORD = re.compile(rf"(?:{MINUS})?\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|\w")
_COUNT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS = {word: str(value) for value, word in enumerate(_COUNT.split())} | {
    "first": "1",
    "second": "2",
    "third": "3",
    "once": "1",
    "twice": "2",
    "dozen": "12",
}
_FUNCTION_WORDS = (
    "a about above after again all also am among an and any are as at be because been before being "
    "below between both but by can could did do does doing done down during each either else ever "
    "for from further had has have having he her here hers him his how i if in into is it its "
    "itself just like many may me might more most much must my no nor not of off on once one only "
    "or other our out over own per s same she should so some such t than that the their them then "
    "there these they this those through to too under until up upon us very was we were what when "
    "where whether which while who whom whose why will with within would you your "
    "der die das den dem des ein eine einer eines einem einen und oder ist sind war waren wird "
    "wurde wurden von zu zum zur im in auf mit für nicht wie was wer wo wann welche welcher "
    "welches warum bei aus nach es sich als auch "
    "el la los las un una unos unas y o es son fue fueron era de del al en con por para que qué "
    "quién cuál cuáles cuándo dónde cómo cuánto cuántos no se su sus lo como"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text."""

    stem: str
    start: int
    end: int
    sentence: int
    """Place of its sentence."""
    content: bool
    """Whether it says something by itself."""
    name: bool
    """Written with a capital inside of a sentence, or in capitals."""
    number: str | None
    """Its value in digits, with its minus, without thousands' marks; None when it is no number."""
    negation: bool
    """Whether it denies its sentence; of ``isn't``, which gives two words, the first alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and its words."""

    text: str
    sentences: tuple[tuple[int, int], ...]
    words: tuple[Word, ...]
    language: str

    def within(self, start: int, end: int) -> tuple[Word, ...]:
        """The words that begin in ``text[start:end]``."""
        return tuple(word for word in self.words if start <= word.start < end)


@lru_cache(maxsize=1024)
def read(text: str, language: str = "") -> Reading:
    """Take a text apart; ``language`` (ISO 639-1) is recognised where it is not given."""
    language = language or recognise([text])
    bounds = sentences(text)
    words: list[Word] = []
    for place, (start, end) in enumerate(bounds):
        denied = False
        for match in _WORD.finditer(text, start, end):
            found = _words(match, place, language, first=match.start() == start, denied=denied)
            denied = denied or any(word.negation for word in found)
            words += found
    return Reading(text, tuple(bounds), tuple(words), language)


def _words(
    match: re.Match[str], sentence: int, language: str, *, first: bool, denied: bool
) -> list[Word]:
    written = match.group()
    plain = written.casefold().replace("’", "'")
    number = _number(plain)
    bare = plain.removesuffix("'s")
    negations = denials(plain, language, denied=denied)
    says = bare not in _FUNCTION and not is_denial(plain, language)
    name = written[0].isupper() and (not first or written[1:].isupper()) and number is None
    stems = [number] if number is not None else terms(bare, language)
    apart = len(stems) > 1 and len(stems) >= len(written) - 1  # pairs of unspaced characters
    return [
        Word(
            stem=stem,
            start=match.start() + (place if apart else 0),
            end=match.start() + place + 2 if apart else match.end(),
            sentence=sentence,
            content=says,
            name=name,
            number=number,
            negation=place < negations,
        )
        for place, stem in enumerate(stems)
    ]


def _number(word: str) -> str | None:
    if word in _NUMBERS:
        return _NUMBERS[word]
    digits = word.lstrip("-–−")
    if not digits[:1].isdigit():
        return None
    sign = "" if digits == word else "-"
    # 1,234,567 has thousands' marks; 3,5 and 3.5 are the same fraction in two countries.
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", digits):
        return sign + re.sub("[.,]", "", digits)
    return sign + digits.replace(",", ".")
