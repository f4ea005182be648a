"""Facts that can be found by their form: dates, amounts, counts, doers and definitions.

High precision before recall: a sentence that leans on others (a leading pronoun, "supra", a list, a
broken line) is passed over, because its question could not stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from metier.dataset.generate.sentences import Sentence, one_line
from metier.dataset.generate.verbs import clause, first_verb

FactKind = Literal["date", "money", "share", "count", "doer", "agent", "object", "reason", "definition"]

_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
)
_FORMS: tuple[tuple[FactKind, str, re.Pattern[str]], ...] = tuple(
    (kind, asked, re.compile(form))
    for kind, asked, form in (
        ("date", "on which date", rf"\b[Oo]n (?P<a>(?:{_MONTHS}) \d{{1,2}}, \d{{4}})(?!\d)"),
        ("date", "on which date", rf"\b[Oo]n (?P<a>\d{{1,2}} (?:{_MONTHS}) \d{{4}})(?!\d)"),
        ("date", "in which month and year", rf"\b[Ii]n (?P<a>(?:{_MONTHS}),? \d{{4}})(?!\d)"),
        ("date", "in which year", r"\b[Ii]n (?P<a>1[5-9]\d\d|20\d\d)(?=[ ,;.])(?! ?[–-]| (?:and|or|to) \d)"),
        (
            "money",
            "how much",
            r"(?P<a>(?:US|U\.S\.)?[$€£]\s?\d[\d,]*(?:\.\d+)?(?: (?:thousand|million|billion|trillion))?)"
            r"(?![\d-]| (?:bill|note|limit|threshold|cap)\b)",
        ),
        (
            "share",
            "what percentage",
            r"(?<![\d.,-])(?P<a>\d+(?:\.\d+)? ?(?:percent|per cent|%))(?! ?[-–])(?= (?:of|in|to)\b|[.,;])",
        ),
        (
            "count",
            "how many",
            r"(?<![\d.,$§-])\b(?<!-to )(?<! to )(?<!the )(?<!these )(?<!those )(?<!next )(?<!last )(?<!past )(?<!first )(?<!No\. )(?<!at )(?<!page )(?<!section )(?<!Section )(?<!Rule )"
            r"(?P<a>two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[2-9]\d?|[1-9]\d{2}|"
            r"[1-9]\d{0,2}(?:,\d{3})+)"
            r"(?= (?:[a-z]+ )?(?:years|months|days|hours|weeks|minutes|seconds|people|patients|"
            r"children|women|men|states|members|times|miles|cases|counts|votes|justices|judges|"
            r"employees|countries|pages|bytes|bits|characters|arguments|parties|defendants|"
            r"plaintiffs|officers|inmates|students|voters|acres|copies|companies|studies)\b)",
        ),
        (
            "agent",
            "by whom",
            r"(?<!\()\b(?:\w+ed|written|given|made|built|drawn|begun|won|sold|taken|known|shown) "
            r"(?P<a>by (?:(?:Mr|Mrs|Ms|Dr|Judge|Justice|President|Professor|Chief Justice)\.? )?"
            r"[A-Z][\w’'-]+(?: (?:[A-Z]\. )?[A-Z][\w’'-]+){1,3})(?=[ ,.;])",
        ),
    )
)
_DOER = re.compile(
    r"^(?P<a>(?:The |the )?(?:(?:Mr|Mrs|Ms|Dr|Prof)\. )?[A-Z][\w’'-]*(?: (?:of (?:the )?|the |and |for )?"
    r"[A-Z][\w’'-]*){0,5}) (?=[a-z]+)"
)
_TERM = re.compile(
    r"(?:[Tt]he (?:term|phrase|word) )[“\"‘'](?P<term>[^”\"’']{2,60})[”\"’'],? "
    r"(?:means|is defined (?:as|to mean)|refers to) (?P<a>[^.;]{8,200})"
)
_IS_A = re.compile(
    r"^(?P<term>(?:An? |The )?[A-Z][\w’'() -]{1,50}?) (?P<verb>is|are|was|were) "
    r"(?P<a>(?:an?|the) [^.;:]{12,200})[.;]$"
)
_LEANS = re.compile(
    r"^(?:He|She|It|They|We|I|You|This|That|These|Those|Such|His|Her|Its|Their|Our|My|There|Here|"
    r"Both|Neither|Either|Each|Another|Others?|Some|Many|Most|All|Any|No|See|Cf|Id|Ibid|Also|But|"
    r"And|Or|So|Thus|Hence|Therefore|However|Moreover|Nor|Yet|Then|If|Because|Although|While|When|"
    r"As|What|Which|Who|Why|How|Where|For|Even|Only|Not|One|Two|Three|First|Second|Third|Finally|"
    r"Indeed|Accordingly|Consequently|Nevertheless|Similarly|Instead|Likewise|Rather)\b"
)
_BROKEN = re.compile(
    r"\b(?:[Ii]d\.|[Cc]f\.|App\. \d|at \d)|\b(?:supra|infra|ante|ibid|see|above|below|aforesaid|respectively|latter|former|hereinafter|"
    r"[Ww]e|[Oo]ur|I|[Mm]y|[Yy]ou)\b|[\[\]{}|<>=_]|\.\.\.|\. \. \.|…|--|——"
)
_PRONOUN = re.compile(r"\b(?:he|she|it|they|him|them|his|her|its|their|this|that case|these|those)\b")
_FOOTNOTE_NUMBER = re.compile(r"^\d{1,2} (?=[A-Z])")
_OBJECT = re.compile(r"^ (?:that|the|an?|its|his|her|their|no|any|all|both|each) ")
_TITLE = re.compile(
    r"^(?:the )?(?:Mr|Mrs|Ms|Dr|Prof|Justice|Judge|Chief Justice|Chief Judge|President|Senator|"
    r"Professor)\b",
    re.IGNORECASE,
)
_BODY = re.compile(
    r"\b(?:Court|Congress|Company|Corporation|Commission|Committee|Board|Agency|Department|Panel|"
    r"Circuit|Government|State|Act|Council|University|Bank|Service|Bureau|Senate|House|Union)\b"
)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that one sentence says, cut into what is asked and what is answered."""

    kind: FactKind
    asked: str
    """The words that ask for it: ``in which year``."""
    sentence: Sentence
    text: str
    """The sentence on one line, without a footnote's number before it."""
    start: int
    """Offsets in ``text`` of the words that the question replaces."""
    end: int
    answer: str

    @property
    def key(self) -> str:
        """The same for every question about this fact."""
        return f"{self.sentence.start}:{self.start}:{self.answer}"


def facts(sentences: list[Sentence]) -> list[Fact]:
    """The facts of a passage, sentence by sentence; at most one of each kind in a sentence."""
    return [fact for sentence in sentences for fact in _in_sentence(sentence)]


def stands_alone(text: str) -> bool:
    """Whether a sentence is whole, and understood by who has not read the ones before."""
    count = len(text.split())
    letters = sum(c.isalpha() for c in text)
    return (
        6 <= count <= 40
        and text[:1].isupper()
        and text.endswith((".", ".”", '."'))
        and letters > 0.7 * len(text.replace(" ", ""))
        and not _LEANS.match(text)
        and not _BROKEN.search(text)
        and text.count("(") == text.count(")")
        and text.count("“") == text.count("”")
        and text.count('"') % 2 == 0
        and not _has_loose_pronoun(text)
        and first_verb(text) is not None
    )


def _has_loose_pronoun(text: str) -> bool:
    """A pronoun is loose when no name stands before it in the sentence."""
    match = _PRONOUN.search(text)
    if match is None:
        return False
    before = text[: match.start()].split()
    return not any(word[:1].isupper() for word in before[1:]) and not _TITLE.match(text)


def _in_sentence(sentence: Sentence) -> Iterator[Fact]:
    text = _FOOTNOTE_NUMBER.sub("", one_line(sentence.text))
    term = _TERM.search(text)
    if term and text[:1].isupper() and not _LEANS.match(text):
        asked = f"what does the term “{term['term']}” mean"
        answer = term["a"].strip(" ,")
        if answer.count("“") == answer.count("”"):
            yield Fact("definition", asked, sentence, text, *term.span("a"), answer)
        return
    if not stands_alone(text):
        return
    taken: set[str] = set()
    for kind, asked, form in _FORMS:
        for match in form.finditer(text):
            if kind in taken or len(form.findall(text)) > 1:
                break  # with two dates in a sentence "in which year" has two answers
            taken.add(kind)
            answer = match["a"].removeprefix("by ")
            start = match.start() if kind == "date" else match.start("a")
            yield Fact(kind, asked, sentence, text, start, match.end("a"), answer)
    yield from _doer(sentence, text)


def _doer(sentence: Sentence, text: str) -> Iterator[Fact]:
    defined = _IS_A.match(text)
    if defined and " and " not in defined["term"] and not _PRONOUN.search(text):
        asked = f"what {defined['verb']} {defined['term'][:1].lower()}{defined['term'][1:]}"
        if re.match(r"(?:An? |The )", defined["term"]):
            yield Fact("definition", asked, sentence, text, *defined.span("a"), defined["a"])
    cut = clause(text)
    if cut is None:
        return
    yield from _object(sentence, text)
    match = _DOER.match(text)
    if match is None or match["a"] != cut.subject or _PRONOUN.search(text):
        return
    if cut.verb in ("have", "are", "were"):
        return  # "which court have": several
    name = match["a"]
    if name in ("The Court", "the Court"):
        return  # so courts call themselves; it names nobody
    if len(name.split()) < 2 and not _BODY.search(name):
        return  # one capitalised word at a sentence's beginning may be any word
    if _TITLE.match(name):
        asked = "who"
    elif name.endswith("Act"):
        asked = "what"
    elif _BODY.search(name):
        asked = "which court" if "Court" in name or "Circuit" in name else "which body"
    else:
        asked = "who or what"
    yield Fact("doer", asked, sentence, text, 0, match.end("a"), name)


def _object(sentence: Sentence, text: str) -> Iterator[Fact]:
    """``The court granted the motion``: what did it grant; ``because it was late``: why."""
    cut = clause(text)
    if cut is None:
        return
    before, because, reason = cut.rest.partition(" because ")
    if because and 4 <= len(reason.split()) <= 30 and " because " not in reason:
        asked = cut._replace(rest=before.rstrip(",")).asked("why")
        yield Fact("reason", asked, sentence, text, 0, 0, f"because {reason}")
        return
    words = cut.rest.split()
    if cut.lemma is None or not 3 <= len(words) <= 30 or not _OBJECT.match(cut.rest):
        return
    if re.search(r", (?:and|but|or|so) ", cut.rest):
        return  # a second clause, which is no object
    yield Fact("object", cut._replace(rest="").asked("what"), sentence, text, 0, 0, cut.rest.strip())
