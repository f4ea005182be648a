"""What is claimed: a statement by itself, or the short answer to a question."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from metier.retrieval.grounding.reading import read

_QUESTION = re.compile(r"(?P<question>[^\n]*[?？])\n(?P<answer>[^\n]+)")
_POLAR = re.compile(
    r"(?P<word>yes|no|ja|nein|sí)\b[\s,.;:!-]*(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_LONGEST_ANSWER = 20
_SHORTEST_SENTENCE = 4
"""Words that say something, not those like "of"."""


def as_claim(question: str, answer: str) -> str:
    """A short answer as a claim that can be checked: on a line of its own, below its question.

    An answer that is a whole sentence is a claim by itself, on one line: a question mark ends a
    question only where the line ends, so none inside of a statement takes a part of it away.
    """
    question, answer = " ".join(question.split()), " ".join(answer.split())
    if not question or not answer or is_sentence(answer):
        return answer
    mark = "" if question.endswith(("?", "？")) else "?"
    return f"{question}{mark}\n{answer}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim taken apart."""

    kind: Literal["answer", "statement", "polar"]
    """A question that is answered with yes or no is polar."""
    question: str
    """What a short answer answers; "" for a statement."""
    text: str
    """The answer, the statement, or the question that was answered with yes or no."""
    denied: bool = False
    """The answer was no."""


def parse_claim(claim: str) -> Claim:
    """Take a claim apart that ``as_claim`` made; any other is a statement, all of it.

    ``yes`` and ``no`` alone make a claim of their question; with a sentence behind it, that counts.
    """
    match = _QUESTION.fullmatch(claim.strip())
    if match is None or is_sentence(match["answer"].strip()):
        return Claim("statement", "", claim.strip())
    question, answer = match["question"].strip(), match["answer"].strip()
    polar = _POLAR.fullmatch(answer)
    if polar is not None and len(polar["rest"].split()) > 2:
        return Claim("statement", "", polar["rest"])
    if polar is not None:
        return Claim("polar", "", question, denied=polar["word"].lower() in ("no", "nein"))
    return Claim("answer", question, answer)


def is_sentence(answer: str) -> bool:
    """Whether an answer says by itself what it is about: long, or four words and a full stop."""
    count = sum(word.content for word in read(answer).words)
    return count > _LONGEST_ANSWER or (count >= _SHORTEST_SENTENCE and answer[-1] in ".!。！")
