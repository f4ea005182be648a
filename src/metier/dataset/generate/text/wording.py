"""A question for a fact, worded so that it can be asked of who has no passage before them."""

from __future__ import annotations

import re

from metier.dataset.generate.text.facts import Fact, goes_on
from metier.dataset.generate.text.forms import NOUN, SECOND_CLAUSE, SUBORDINATE
from metier.dataset.generate.text.verbs import clause, in_mid_sentence


def question_for(fact: Fact, subject: str) -> str:
    """``According to SUBJECT, in which year did Congress enact the law?``.

    Where the sentence's plan is not certain the question keeps its order, as quizzes do:
    ``According to SUBJECT, the couple that lived in Chile divorced in which year?``
    """
    text = fact.text
    if fact.kind in ("definition", "name", "object", "reason"):
        asked = fact.asked
    elif fact.kind == "doer":
        asked = fact.asked + text[fact.end :].rstrip(" .")
    else:
        asked = _fronted(fact, text) or _in_place(fact, text)
    return called(asked, subject)


def called(asked: str, subject: str, *, english: bool = True) -> str:
    """The question with the name of what it is about, unless it already says so.

    A question in another language has the name before a colon: no language is mixed into it.
    """
    asked = asked.strip().rstrip("? ")
    if not subject or not asked.endswith(subject):  # "Smith v. Jones Co." keeps its point
        asked = re.sub(r"[., ]+(?=[”\"]?$)", "", asked)
    if not subject or subject.casefold() in asked.casefold():
        return asked[:1].upper() + asked[1:] + "?"
    if not english:
        return f"{subject}: {asked}?"
    return f"According to {subject}, {in_mid_sentence(asked)}?"


def bare(question: str, subject: str) -> str:
    """The question without the name of its document, which is in every question."""
    if not subject:
        return question
    return question.removeprefix(f"According to {subject}, ").removeprefix(f"{subject}: ")


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
        said = after.lstrip(" ,")
    elif not after or after.startswith((",", " and ", " to ", " by ", " at ", " in ", " as ")):
        said = before + _joined(after)
    else:
        return None
    cut = clause(said)
    if cut is None or goes_on(cut.rest) or SECOND_CLAUSE.match(cut.rest):
        return None
    if SUBORDINATE.search(before) or (cut.lemma is None and NOUN.match(cut.rest)):
        return None  # "is a group found in 2018": not the year in which it is a group
    return cut.asked(fact.asked)


def _joined(after: str) -> str:
    return after if not after or after[0] in " ,;" else " " + after
