"""A question for a fact, worded so that it can be asked of who has no passage before them."""

from __future__ import annotations

import re

from metier.dataset.generate.facts import Fact
from metier.dataset.generate.sentences import one_line
from metier.dataset.generate.verbs import first_verb

_NAMES_ONLY = re.compile(
    r"^(?:The |An? )?(?:(?:Mr|Mrs|Ms|Dr|Prof)\. )?[A-Z][\w’'.-]*(?: (?:of|the|and|for|[A-Z][\w’'.-]*))*$"
)
_LOWER_FIRST = re.compile(r"^(?:The|An?|Every|Under|In|On|At|By|During|After|Before)\b")


def question_for(fact: Fact, subject: str) -> str:
    """``According to SUBJECT, in which year did Congress enact the law?``.

    Where the sentence's plan is not certain the question keeps its order, as quizzes do:
    ``According to SUBJECT, the couple that lived in Chile divorced in which year?``
    """
    text = one_line(fact.sentence.text)
    if fact.kind in ("definition", "custom"):
        asked = fact.asked
    elif fact.kind == "doer":
        asked = fact.asked + text[fact.end :].rstrip(" .")
    else:
        asked = _fronted(fact, text) or _in_place(fact, text)
    return called(asked, subject)


def called(asked: str, subject: str) -> str:
    """The question with the name of what it is about, unless it already says so."""
    asked = asked.strip().rstrip("?. ")
    if not subject or subject.casefold() in asked.casefold():
        return asked[:1].upper() + asked[1:] + "?"
    if _LOWER_FIRST.match(asked):
        asked = asked[:1].lower() + asked[1:]
    return f"According to {subject}, {asked}?"


def _in_place(fact: Fact, text: str) -> str:
    before, after = text[: fact.start].strip(), text[fact.end :].rstrip(" .")
    if not before:
        rest = after.lstrip(" ,")
        return f"{rest}, {fact.asked}"
    return f"{before} {fact.asked}{_joined(after)}"


def _fronted(fact: Fact, text: str) -> str | None:
    """With the asking words in front, where subject and verb are certain."""
    if fact.kind != "date":
        return None
    before, after = text[: fact.start].rstrip(" ,"), text[fact.end :].rstrip(" .")
    if not before:
        clause = after.lstrip(" ,")
    elif not after or after.startswith((",", " and ", " to ", " by ", " at ", " in ", " as ")):
        clause = before + _joined(after)
    else:
        return None
    verb = first_verb(clause)
    if verb is None or not _NAMES_ONLY.match(clause[: verb.start].strip()):
        return None
    doer, rest = clause[: verb.start].strip(), clause[verb.end :]
    if _LOWER_FIRST.match(doer):
        doer = doer[:1].lower() + doer[1:]
    if verb.lemma is None:
        return f"{fact.asked} {verb.text} {doer}{rest}"
    return f"{fact.asked} did {doer} {verb.lemma}{rest}"


def _joined(after: str) -> str:
    return after if not after or after[0] in " ,;" else " " + after
