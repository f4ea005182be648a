"""Whether an answer is the kind of thing that its question asks for, by the question's words."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from metier.dataset.generate.text.sentences import one_line, words
from metier.dataset.generate.text.verbs import first_verb
from metier.types import QuestionKind

AnswerKind = Literal[
    "date", "month", "year", "time", "money", "share", "count", "measure", "reason", "person",
    "body", "place", "polar", "thing",
]  # fmt: skip
WRONG_KIND = "the answer is not the kind of thing asked for"
COPIED = "the rewrite repeats its sentence"
CUT_SHORT = "the answer is a fragment"

_MONTHS = (
    "january february march april may june july august september october november december "
    "januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet "
    "août septembre octobre novembre décembre enero febrero marzo abril mayo junio julio agosto "
    "septiembre octubre noviembre diciembre"
)
_MONTH = rf"\b(?:{_MONTHS.replace(' ', '|')})\b"
_NUMERALS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million billion trillion dozen half quarter third twice once both none no "
    "single several zwei drei vier fünf sechs sieben acht neun zehn elf zwölf hundert tausend "
    "hälfte keine deux trois quatre cinq sept huit neuf dix cent mille moitié aucun dos tres "
    "cuatro cinco seis siete ocho nueve diez cien mil mitad ninguno all every a an ein eine un une"
)
_NUMBER = re.compile(
    rf"\d|[〇零一二三四五六七八九十百千万两半]|\b(?:{_NUMERALS.replace(' ', '|')})\b", re.IGNORECASE
)
_YEAR = re.compile(r"(?<!\d)\d{3,4}(?!\d)|[〇零一二三四五六七八九十]{2,}年?")
_CURRENCY = re.compile(r"[$€£¥₤]|\b(?:dollars?|euros?|pounds?|cents?)\b", re.IGNORECASE)
_SHARE = re.compile(r"%|\bper ?cent\b|\bprozent\b|\bpour cent\b|\bpor ciento\b|百分", re.IGNORECASE)
_TIME = re.compile(
    rf"\d|{_MONTH}|[〇零一二三四五六七八九十]+[年月日]|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|"
    r"\b(?:spring|summer|autumn|winter|morning|noon|evening|night|today|day|week|month|year|"
    r"century|decade|always|never|before|after|during|when|while|since|until|once|as soon|"
    r"immediately|sommer|herbst|nach|vor|während|seit|été|hiver|après|avant|pendant|después|antes|"
    r"durante)\b",
    re.IGNORECASE,
)
_LENGTH = re.compile(
    r"\b(?:day|night|week|month|year|hour|minute|winter|summer|season|until|through|during|long|"
    r"centur(?:y|ies)|always|forever|never|daily|weekly|monthly|often|rarely|yearly)s?\b",
    re.IGNORECASE,
)
_ONLY_DATE = re.compile(
    rf"\W*(?:(?:on|in|at|by|since|of|am|im|en|le|el|de|the|year|around|about)\W+)*"
    rf"(?:{_MONTH}\W*(?:\d{{1,2}}\W+)?(?:(?:de|of)\W+)?(?:\d{{3,4}})?|\d{{1,2}}\.?\W*(?:de\W+)?{_MONTH}"
    r"\W*(?:de\W+)?(?:\d{3,4})?|1\d{3}|20\d\d|\d{4}年(?:\d+月)?(?:\d+日)?)\W*",
    re.IGNORECASE,
)
_ONLY_NUMBER = re.compile(
    r"\W*(?:[$€£¥]\s?)?\d[\d,.]*"
    r"(?:\s*(?:%|percent|per cent|thousand|million|billion|dollars?))*\W*",
    re.IGNORECASE,
)
_CLAUSE_MARK = re.compile(r"\W*(?:because|since|that|whether|if|weil|parce que|porque)\b", re.I)
_REASON = re.compile(
    r"\W*(?:(?:the|an?|its?|their) )?(?:(?:because|since|as|so|to|for|due|owing|thanks|in order|by|"
    r"lack|want|fear|failure|absence|shortage|too|not|no|without|weil|wegen|da|damit|um|aufgrund|"
    r"denn|parce|car|pour|afin|à cause|porque|para|debido|por)\b|因|由于|为了)",
    re.IGNORECASE,
)
_GIVES_REASON = re.compile(
    r"(?:\b(?:because(?: of)?|since|due to|owing to|so that|in order|thanks to|on account of|as|"
    r"for|by|to|wegen|weil|aufgrund|denn|parce que|à cause de|car|porque|debido a|por)\b[\s,]*"
    r"(?:\w+[\s,]+){0,3}|(?:因为|由于|为了|因)\w{0,4})$",
    re.IGNORECASE,
)
_HAS_EFFECT = re.compile(
    r"^\W*(?:\w+\W+){0,3}(?:caused|causes|led to|leads to|resulted in|forced|made|prevented|"
    r"brought about|is why|was the reason|führte|verursachte|provoqu\w+|caus\w+)\b",
    re.IGNORECASE,
)
_ABOUT_TIME = re.compile(
    r"\b(?:date|day|month|year|time|period|deadline|age|born|century|term|number|when|long|old)\b",
    re.IGNORECASE,
)
_BODY = (
    "company|corporation|firm|court|body|organi[sz]ation|agency|board|commission|committee|party|"
    "person|man|woman|judge|justice|author|president|director|country|state|city|university|bank|"
    "council|government|minister|king|queen|family|team|society|union|church|department|ministry"
)
_AUXILIARY = (
    r"(?:is|are|was|were|has|have|had|did|does|do|can|could|will|would|may|might|must|should)\b"
)
_ASKS: tuple[tuple[AnswerKind, str], ...] = (
    ("date", r"\b(?:which|what) (?:exact )?(?:date|day)\b"),
    ("month", r"\b(?:which|what) month\b"),
    ("year", r"\b(?:which|what) year\b|\b(?:in )?welche[mns] jahr|"
             r"\b(?:quelle année|qué año)\b|哪一?年"),
    ("time", r"\b(?:when|wann|quand|cuándo)\b|何时|什么时候|几时"),
    ("money", r"\bhow much\b"),
    ("share", r"\b(?:which|what) (?:percentage|per ?cent|share|proportion|fraction)\b"),
    ("count", r"\bhow many\b|\bwie ?viele?\b|\bcombien\b|\bcuánt[oa]s?\b|多少|几[个名人座]"),
    ("measure", r"\bhow (?:long|old|far|tall|big|large|often|fast|high|deep|wide|heavy)\b"),
    ("reason", r"\b(?:why|warum|weshalb|wieso|pourquoi|por qué)\b|为什么|为何|"
               r"\bfor (?:which|what) reason\b"),
    ("person", r"\b(?:who|whom|whose|wer|wen|wem|wessen|quién|quiénes)\b|谁"),
    ("body", rf"\b(?:which|what) (?:(?!{_AUXILIARY})[a-z]+ )?(?P<head>{_BODY})\b"),
    ("place", r"\b(?:where|wo|woher|wohin|où|dónde)\b|哪里|何处"),
    ("thing", rf"\bwhich (?!{_AUXILIARY})(?P<head>[a-z]{{3,}})\b"),
    ("thing", r"\b(?:what|which|welche[rsnm]?|quel(?:le)?s?|qué|que)\b|什么"),
)  # fmt: skip
_ASKING = tuple((kind, re.compile(form, re.IGNORECASE)) for kind, form in _ASKS)
_ALSO_RELATIVE = frozenset({"time", "person", "place", "thing"})
"""Their words also join clauses: "the man who sailed in which year"."""
_JOINS = re.compile(rf"(?:when|where) (?!{_AUXILIARY})", re.IGNORECASE)
"""So begins a clause, not a question: "when the war ended, who ..."."""
_BEGINS = re.compile(
    r"(?:^|[,:;]\s*)(?:(?:and|by|to|from|for|with|of|since|until|against|at|on|in)\s+)?$",
    re.IGNORECASE,
)
_POLAR = re.compile(_AUXILIARY, re.IGNORECASE)
_YES = re.compile(r"\W*(?:yes|no)\b", re.IGNORECASE)


class AskedFor(NamedTuple):
    """What a question asks for."""

    kind: AnswerKind | None
    """None where its words do not tell."""
    head: str = ""
    """The noun behind "which": ``company``."""
    start: int = 0
    end: int = 0
    """Where in the question the asking words stand."""


def asked_for(question: str) -> AskedFor:
    """What the words of a question ask for; ``question`` is without its document's name."""
    found = []
    for rank, (kind, form) in enumerate(_ASKING):
        for match in form.finditer(question):
            joins = kind in _ALSO_RELATIVE and (
                not _BEGINS.search(question[: match.start()])
                or _JOINS.match(question, match.start()) is not None
            )
            head = match.groupdict().get("head") or ""
            asked = AskedFor(kind, head.lower(), match.start(), match.end())
            found.append((joins, match.start(), rank, asked))
    first = min(found)[-1] if found else AskedFor(None)
    if _POLAR.match(question) and (not found or min(found)[0]):
        return AskedFor("thing" if " or " in question else "polar")
    return first


def kind_problem(question: str, answer: str, evidence: str) -> str | None:
    """Why the answer cannot be what the question asks for; None where it can."""
    kind, head, *_ = asked_for(question)
    if kind is None or _fits(kind, question, one_line(answer), one_line(evidence), head):
        return None
    return WRONG_KIND


def full_answer_problem(kind: QuestionKind, sentence: str, answer: str) -> str | None:
    """Why an answer in full (a summary, a rewrite, how two names are connected) is none."""
    said, given = words(answer), words(sentence)
    unspaced = sum(len(word) for word in said) > 12 * len(said)
    if kind != "rewrite":
        return CUT_SHORT if len(said) < 4 and not unspaced else None
    if f" {' '.join(said)} " in f" {' '.join(given)} " and len(said) >= len(given) / 2:
        return COPIED
    if len(said) < len(given) / 2:
        return CUT_SHORT
    # autojunk would take words that are frequent in long sentences for noise
    return COPIED if SequenceMatcher(None, said, given, autojunk=False).ratio() >= 0.9 else None


def is_only_date(answer: str) -> bool:
    """Whether an answer is nothing but a date, or a number that reads as a year."""
    return _ONLY_DATE.fullmatch(answer) is not None


def _fits(kind: AnswerKind, question: str, answer: str, evidence: str, head: str) -> bool:
    dated = is_only_date(answer)
    numeric = dated or _ONLY_NUMBER.fullmatch(answer) is not None
    if kind in ("date", "month", "year"):
        return bool(_YEAR.search(answer) or (kind != "year" and _TIME.search(answer)))
    if kind == "time":
        return bool(_TIME.search(answer)) and not _CURRENCY.search(answer)
    if kind in ("money", "share", "count", "measure"):
        return _is_amount(kind, answer)
    if kind == "reason":
        return not numeric and _is_reason(answer, evidence)
    if kind in ("person", "body"):
        named = kind == "person" or _is_named(answer, head)
        return not numeric and named and not _CLAUSE_MARK.match(answer)
    if kind == "place":
        return not numeric
    if kind == "polar":
        return bool(_YES.match(answer)) or first_verb(answer) is not None
    return not dated or bool(_ABOUT_TIME.search(question))


def _is_amount(kind: AnswerKind, answer: str) -> bool:
    if kind == "measure":
        return bool(_NUMBER.search(answer) or _LENGTH.search(answer))
    if not _NUMBER.search(answer) or re.search(_MONTH, answer, re.IGNORECASE):
        return kind == "money" and bool(re.search(r"\b(?:nothing|little|much|more|less)\b", answer))
    if kind == "count":
        return True
    return not (kind == "share" and _CURRENCY.search(answer))


def _is_named(answer: str, head: str) -> bool:
    """A capital, the noun that was asked for, or a script that has no capitals."""
    return (
        any(c.isupper() for c in answer)
        or head in answer.lower()
        or not any(c.islower() for c in answer)
    )


def _is_reason(answer: str, evidence: str) -> bool:
    """It says so itself, is a clause, or the evidence gives it as a reason or with its effect."""
    if _REASON.match(answer) or first_verb(answer) is not None:
        return True
    place = evidence.casefold().find(answer.casefold().strip(" ."))
    if place < 0:
        return False
    before, after = evidence[:place], evidence[place + len(answer.strip(" .")) :]
    return bool(_GIVES_REASON.search(before) or _HAS_EFFECT.match(after))
