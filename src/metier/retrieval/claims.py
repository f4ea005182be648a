"""What is claimed: a statement by itself, or the short answer to a question."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from metier.retrieval.reading import Reading, read

_QUESTION = re.compile(r"(?P<question>.*[?？])\s*(?P<answer>[^?？]*\S[^?？]*)", re.DOTALL)
_POLAR = re.compile(
    r"(?P<word>yes|no|ja|nein|sí)\b[\s,.;:!-]*(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_LONGEST_ANSWER = 8
"""Words that say something; a longer answer says by itself what it is about."""


def as_claim(question: str, answer: str) -> str:
    """A short answer as a claim that can be checked: behind its question, on one line.

    An answer that is a whole sentence is a claim by itself.
    """
    question, answer = " ".join(question.split()), answer.strip()
    if not question or len(_content(read(answer))) > _LONGEST_ANSWER:
        return answer
    mark = "" if question.endswith(("?", "？")) else "?"
    return f"{question}{mark} {answer}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim taken apart."""

    kind: Literal["answer", "statement"]
    question: str
    """What a short answer answers; "" for a statement."""
    text: str
    """The answer, or the statement."""
    denied: bool = False
    """The statement is a question that was answered with no."""


def parse_claim(claim: str) -> Claim:
    """Take a claim apart; what stands before the last question mark is its question.

    ``yes`` and ``no`` make a statement of their question.
    """
    match = _QUESTION.fullmatch(claim.strip())
    if match is None:
        return Claim("statement", "", claim.strip())
    question, answer = match["question"].strip(), match["answer"].strip()
    polar = _POLAR.fullmatch(answer)
    if polar is not None and len(polar["rest"].split()) > 2:
        return Claim("statement", "", polar["rest"])
    if polar is not None:
        return Claim("statement", "", question, denied=polar["word"].lower() in ("no", "nein"))
    if len(_content(read(answer))) > _LONGEST_ANSWER:
        return Claim("statement", "", answer)
    return Claim("answer", question, answer)


def _content(reading: Reading) -> list[str]:
    return [word.stem for word in reading.words if word.content]
