"""The answerer: answers from the passage alone and quotes what it rests on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from metier.dataset.generate.personas import spoken
from metier.dataset.generate.text.passage import Passage
from metier.dataset.generate.text.sentences import one_line, well_formed
from metier.dataset.generate.writers.ask import shown
from metier.dataset.generate.writers.teacher import Reply, Teacher
from metier.types import ABSTENTION, Conversation, GenerateConfig, Json, Message

SCHEMA: Mapping[str, Json] = {
    "type": "object",
    "properties": {
        "quotes": {
            "type": "array",
            "items": {"type": "string", "maxLength": 400},
            "minItems": 1,
            "maxItems": 3,
        },
        "answer": {"type": "string", "maxLength": 400},
    },
    "required": ["quotes", "answer"],
    "additionalProperties": False,
}
"""Quotes first: a model that writes from left to right then answers from what it quoted."""
CONFIG = GenerateConfig(max_new_tokens=192, json_schema=SCHEMA)
_TASK = (
    "Answer this question from the passage alone: {question}\n"
    'Reply with JSON: {"quotes": [the sentences of the passage that say it, word for word], '
    '"answer": the answer, as short as it can be}. If the passage does not say, the answer is "'
    + ABSTENTION
    + '".'
)
_REFUSAL = re.compile(
    r"^\W*(?:I(?:’|')?m (?:sorry|unable|not able)|I (?:cannot|can(?:’|')t|am unable|apologi[sz]e|"
    r"won(?:’|')t)|Sorry\b|As an AI\b|Unfortunately, I\b)",
    re.IGNORECASE,
)
_NOT_SAID = re.compile(
    r"\b(?:does not|doesn(?:’|')t) (?:say|state|mention|specify)\b|"
    r"\bnot (?:stated|mentioned|specified)\b"
)


class Answered(NamedTuple):
    """What the answerer said, or why that cannot be used."""

    answer: str
    quotes: tuple[str, ...]
    problem: str | None = None


def answer_questions(
    asked: Sequence[tuple[Passage, str]], teacher: Teacher, persona: str
) -> list[tuple[Answered, Reply]]:
    """An answer for each question."""
    replies = teacher.ask([answer_prompt(p, q, persona) for p, q in asked], CONFIG)
    return [(read_answer(reply), reply) for reply in replies]


def answer_prompt(passage: Passage, question: str, persona: str) -> Conversation:
    """Persona, passage, then the question: all questions on one passage share the first two."""
    return (
        Message("system", spoken(persona, passage.subject)),
        Message("user", shown(passage) + _TASK.replace("{question}", question)),
    )


def read_answer(reply: Reply) -> Answered:
    """JSON, JSON inside prose, or prose that is itself the answer."""
    if reply.text is None:
        return Answered("", (), "the model did not answer")
    text = reply.text.strip()
    if _REFUSAL.match(text):
        return Answered("", (), "the model refused")
    value = _object(text)
    if value is not None:
        quotes = value.get("quotes", value.get("quote", ()))
        quotes = [quotes] if isinstance(quotes, str) else quotes
        if isinstance(quotes, list) and isinstance(value.get("answer"), (str, int, float)):
            said = tuple(well_formed(q) for q in quotes if isinstance(q, str) and q.strip())
            return _checked(one_line(well_formed(str(value["answer"]))), said)
        return Answered("", (), "the JSON has another form")
    if reply.cut or text.startswith(("{", "[", "```")):
        return Answered("", (), "the JSON is cut off")
    return _checked(one_line(text), ())


def is_not_said(answer: str) -> bool:
    """Whether an answer says that the document does not say."""
    return answer.strip() == ABSTENTION or bool(_NOT_SAID.search(answer))


def _checked(answer: str, quotes: tuple[str, ...]) -> Answered:
    if _REFUSAL.match(answer):
        return Answered(answer, quotes, "the model refused")
    if not answer:
        return Answered(answer, quotes, "the answer is empty")
    return Answered(answer, quotes)


def _object(text: str) -> dict[str, Json] | None:
    """The first JSON object that the text holds."""
    decoder = json.JSONDecoder(strict=False)
    for match in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None
