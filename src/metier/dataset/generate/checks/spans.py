"""What one sentence answers to a question, read by form: a date, a name, or what it leaves open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from metier.dataset.generate.checks.kinds import AskedFor, asked_for, is_only_date
from metier.dataset.generate.text.passage import names
from metier.dataset.generate.text.sentences import one_line, token_f1, words
from metier.dataset.generate.text.verbs import PAST
from metier.retrieval.store.words import terms

_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_COUNT = r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d+(?:[.,]\d+)*)\b"
_FORMS = {
    "date": rf"(?:{_MONTH}) \d{{1,2}}, \d{{4}}|\d{{1,2}} (?:{_MONTH}) \d{{4}}",
    "month": rf"(?:{_MONTH})(?: \d{{1,2}})?,? \d{{4}}",
    "year": r"\b(?:1[5-9]|20)\d\d\b",
    "time": rf"(?:(?:{_MONTH}) )?(?:\d{{1,2}}, )?\b(?:1[5-9]|20)\d\d\b",
    "money": r"[$€£]\s?\d[\d,.]*\d(?: (?:thousand|million|billion|trillion))?",
    "share": r"\d[\d.]* ?(?:percent|per cent|%)",
    "count": _COUNT,
}
_TYPED = {kind: re.compile(form) for kind, form in _FORMS.items()}
_FUNCTION_WORDS = (
    "a an the of and or to in is was were are be been by on for from with as at that this these "
    "those it its their his her he she they who whom which what when where how why do does did "
    "has have had not into than then there also after before during under over about der die das "
    "den dem des ein eine und von zu im in am wurde wird le la les de du des un une et à est a été "
    "el los las y en fue es del al 的 了 于 在 是"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_PASSIVE = re.compile(r"\b(?:was|were|is|are|been|be|being)(?: \w+ly| not)?$", re.IGNORECASE)


_LEMMAS = frozenset(PAST.values())


class _Word(NamedTuple):
    stem: str
    text: str


def agreement(question: str, sentence: str, answer: str, *, language: str = "") -> float:
    """How far the answer is what this sentence gives, from 0 to 1.

    ``question`` is without its document's name. What the question's words ask for is read by its
    form: a date, an amount, a name. Otherwise the answer has to stand where the sentence goes on
    from the question's words, or end where they begin.
    """
    text, asked = one_line(sentence), asked_for(question)
    form = _TYPED.get(asked.kind or "")
    if form is not None and (found := _typed(form, asked, question, text)):
        return same_answer(found[0], answer) if len(found) == 1 else 0.0
    side = _side(asked, question, text)
    if asked.kind in ("person", "body", "thing") and (read := _named(asked, question, side)):
        return max(same_answer(name, answer) for name in read)
    return _stands_open(question, side, answer, language)


def things(text: str) -> list[str]:
    """The names, dates and amounts of a text, each once: what a wrong answer might be."""
    shown = one_line(text)
    formed = (match.group() for form in _TYPED.values() for match in form.finditer(shown))
    return sorted({*names(shown), *formed})


def shared(question: str, sentence: str, language: str) -> float:
    """Share of the question's words, the little ones aside, that the sentence has."""
    asked = {word.stem for word in _cut(question, language) if word.text not in _FUNCTION}
    return len(asked & {word.stem for word in _cut(sentence, language)}) / max(1, len(asked))


def same_answer(given: str, expected: str) -> float:
    """How far two answers are the same: token F1, or 1 for all words of one inside a short other.

    An answer of three times as many words no longer says the same: it may list everything.
    """
    one, other = words(given), words(expected)
    short, long = sorted((one, other), key=len)
    if short and len(long) <= 3 * len(short) + 6 and _stands_in(short, long):
        return 1.0
    return token_f1(given, expected)


def _typed(form: re.Pattern[str], asked: AskedFor, question: str, text: str) -> list[str]:
    """What has the form and is not in the question; of counts those of the noun that is counted."""
    found = [m for m in form.finditer(text) if m.group() not in _in(form, question)]
    noun = re.match(r"\s+(\w{3,})", question[asked.end :])
    if asked.kind == "count" and noun is not None:
        of = [m for m in found if noun[1][:5] in text[m.end() : m.end() + 30]]
        found = of or found
    return sorted({m.group() for m in found})


def _named(asked: AskedFor, question: str, text: str) -> list[str]:
    """The names that may be asked for; of things only those with the noun that is asked for."""
    known = question.casefold()
    found = [n for n in names(text) if n.casefold() not in known and not is_only_date(n)]
    headed = [n for n in found if asked.head and asked.head in n.casefold()]
    return headed if headed or asked.kind == "thing" else found


def _side(asked: AskedFor, question: str, text: str) -> str:
    """The part of a sentence, before or behind the question's verb, where the answer stands.

    The whole where that cannot be told: the question has another verb, or asks when or why.
    """
    rest = [word.strip("?,.") for word in question[asked.end :].split()]
    whose = question[asked.start : asked.end].casefold() == "whose"
    if asked.kind not in ("person", "body", "thing") or whose or not rest:
        return text
    if re.search(r"\bby (?:\w+ )?\w+$", question[: asked.end].rstrip(), re.IGNORECASE):
        return text.partition(" by ")[2] or text
    does, passive = rest[0] in ("did", "does", "do"), rest[0] in ("was", "were", "is", "are")
    found = rest[1:] if does else rest[1:3] if passive else rest[:1]
    for word in found:
        verb = re.search(rf"\b{re.escape(word[:5])}\w*", text) if word not in _FUNCTION else None
        if verb is None or (does and word not in _LEMMAS):
            continue
        turned = _PASSIVE.search(text[: verb.start()].rstrip()) is not None
        doer = not (does or passive)
        return text[: verb.start()] if doer != turned else text[verb.end() :]
    return text


def _stands_open(question: str, text: str, answer: str, language: str) -> float:
    """Whether the answer stands next to the question's words in the sentence, or at its end."""
    asked = {word.stem for word in _cut(question, language)} - _FUNCTION
    said = [word.stem for word in _trimmed(_cut(answer, language))]
    there = _cut(text, language)
    places = [i for i in range(len(there)) if _stems(there[i : i + len(said)]) == said]
    if not said:
        return 0.0
    if not places:
        known = set(_stems(there))
        return sum(stem in known for stem in said) / len(said)
    return max(_filled(there, asked, place, place + len(said)) for place in places)


def _filled(there: Sequence[_Word], asked: set[str], start: int, end: int) -> float:
    """1 at either end of what the sentence leaves open, else the share of it that is answered."""
    left, right = start, end
    while left and there[left - 1].stem not in asked:
        left -= 1
    while right < len(there) and there[right].stem not in asked:
        right += 1
    before, after = _trimmed(list(there[left:start])), _trimmed(list(there[end:right]))
    if not before or not after:
        return 1.0
    return (end - start) / (right - left)


def _stems(found: Sequence[_Word]) -> list[str]:
    return [word.stem for word in found]


def _trimmed(found: list[_Word]) -> list[_Word]:
    """Without the little words at both ends."""
    while found and found[0].text in _FUNCTION:
        found = found[1:]
    while found and found[-1].text in _FUNCTION:
        found = found[:-1]
    return found


def _cut(text: str, language: str) -> list[_Word]:
    """Words with their stems; of scripts without blanks single characters."""
    found = []
    for token in re.findall(r"\w+", text.casefold()):
        for piece in re.findall(r"[぀-ヿ㐀-鿿฀-໿]|[^぀-ヿ㐀-鿿฀-໿]+", token):
            stem = terms(piece, language)
            found.append(_Word(stem[0] if stem else piece, piece))
    return found


def _in(form: re.Pattern[str], question: str) -> set[str]:
    return {match.group() for match in form.finditer(question)}


def _stands_in(short: Sequence[str], long: Sequence[str]) -> bool:
    size = len(short)
    return any(list(long[i : i + size]) == list(short) for i in range(len(long) - size + 1))
