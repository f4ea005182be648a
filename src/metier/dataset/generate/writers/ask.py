"""The asker: one question for each order; it never sees an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metier.dataset.generate.menu import WRITTEN_IN_FULL, Order
from metier.dataset.generate.personas import spoken
from metier.dataset.generate.text.given import given_question
from metier.dataset.generate.text.passage import Passage
from metier.dataset.generate.text.sentences import one_line, sentences
from metier.dataset.generate.text.wording import called
from metier.dataset.generate.writers.teacher import Reply, Teacher
from metier.retrieval.store.words import terms
from metier.types import Conversation, GenerateConfig, Message

CONFIG = GenerateConfig(max_new_tokens=64, stop=("\n",))
_TASKS = {
    "factual": "Write one question that this sentence of the passage answers: “{0}”",
    "reverse": (
        "Write one question whose answer is the name of a person, an organisation, a place or a "
        "thing in this sentence of the passage. Describe it; do not name it: “{0}”"
    ),
    "multi_fact": (
        "Write one question that can only be answered with what both of these sentences of the "
        "passage say: “{0}” “{1}”"
    ),
    "unanswerable": (
        "Write one question about the same matter as this sentence of the passage, naming a person "
        "or a thing, that the passage does not answer: “{0}”"
    ),
}
SHORTEST = 3
"""Words of a question; in scripts without blanks, pairs of characters."""
_LABEL = re.compile(r"^\W*(?:\d+[.)]|(?:the )?question\s*\d*\s*[:.-])\s*", re.IGNORECASE)


def shown(passage: Passage) -> str:
    """How a passage is put into a prompt; the same words first, so that caches share them."""
    of = f" of {passage.subject}" if passage.subject else ""
    return f"A passage{of}:\n\n{passage.chunk.text}\n\n"


def ask_questions(
    orders: Sequence[Order], teacher: Teacher, persona: str
) -> list[tuple[str | None, Reply | None]]:
    """For each order its question, or None where no usable one came, and what the model said."""
    written = [order for order in orders if order.kind not in WRITTEN_IN_FULL]
    replies = iter(teacher.ask([asker_prompt(order, persona) for order in written], CONFIG))
    asked: list[tuple[str | None, Reply | None]] = []
    for order in orders:
        if order.kind in WRITTEN_IN_FULL:
            about = order.names or [one_line(order.focus[0].text)]
            asked.append((given_question(order.passage, order.kind, about), None))
        else:
            reply = next(replies)
            asked.append((_question_for(order.passage, reply.text), reply))
    return asked


def asker_prompt(order: Order, persona: str) -> Conversation:
    """Persona, passage, then the task: all questions on one passage share the first two."""
    focus = [one_line(sentence.text) for sentence in order.focus]
    task = _TASKS[order.kind]
    for place, text in enumerate(focus):
        task = task.replace(f"{{{place}}}", text)
    passage = order.passage
    ending = f"{task}\nWrite the question alone, in the language of the passage."
    return (
        Message("system", spoken(persona, passage.subject)),
        Message("user", shown(passage) + ending),
    )


def _question_for(passage: Passage, text: str | None) -> str | None:
    return read_question(text, passage.subject, english=passage.is_english)


def read_question(text: str | None, subject: str, *, english: bool = True) -> str | None:
    """The question in what the model wrote, naming the document; None when there is none."""
    if not text:
        return None
    said = _LABEL.sub("", one_line(text).replace("？", "?"))
    before, mark, _ = said.partition("?")
    found = sentences(before + mark)
    if not mark or not found:
        return None
    question = found[-1].text.strip(" \"'“*")
    if len(terms(question)) < SHORTEST:
        return None
    return called(question, subject, english=english)
