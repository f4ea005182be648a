"""Questions written from the passages themselves, to teach an embedder what they are asked."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from metier.protocols import LanguageModel, Progress, silent
from metier.retrieval.store.words import terms
from metier.types import Conversation, GenerateConfig, Message, Passage

CONFIG = GenerateConfig(max_new_tokens=32, stop=("\n",))
_READ = 80  # tokens of a passage that the model is shown
_BATCH = 16
_LONGEST = 20  # words of a sentence that stands for a question
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_SHOWN = (
    (
        "Vitamin C",
        "Too little vitamin C leads to scurvy. Its first signs are tiredness and sore arms and "
        "legs. Without treatment the gums bleed and wounds heal badly.",
        "What are the signs of scurvy?",
    ),
    (
        "Bridges of Aldern",
        "The stone bridge was built in 1884 after plans by Ida Krall. It replaced a wooden one, "
        "which a flood had carried away.",
        "Who planned the stone bridge in Aldern?",
    ),
)


@dataclass(frozen=True, slots=True)
class Written:
    """A question, and the passage that it was written from."""

    question: str
    passage: Passage
    writer: Literal["model", "sentence", "person"]


def written_questions(
    passages: Sequence[Passage],
    *,
    count: int,
    model: LanguageModel | None,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Written]:
    """Questions about ``count`` passages drawn evenly over the documents, in a fixed order.

    ``model`` writes one for each, as InPars (Bonifacio and others, 2022) has it; what is no
    question or shares no word with its passage is left out. Beside each stands a sentence that
    was cut out of its passage (Lee and others, 2019), which costs nothing and keeps the embedder
    from learning the model's turns of phrase.
    """
    drawn = _drawn(passages, count, seed)
    generator = random.Random(seed)
    cut = [one for passage in drawn if (one := _cut(passage, generator)) is not None]
    asked: list[Written] = []
    if model is not None:
        for start in range(0, len(drawn), _BATCH):
            asked += _by_model(drawn[start : start + _BATCH], model)
            progress(start, len(drawn), "questions written")
    return [*asked, *cut]


def _drawn(passages: Sequence[Passage], count: int, seed: int) -> list[Passage]:
    """One of each document, then a second of each, until there are enough."""
    generator = random.Random(seed)
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document, []).append(passage)
    for own in by_document.values():
        generator.shuffle(own)
    turns = [(turn, own[turn]) for own in by_document.values() for turn in range(len(own))]
    generator.shuffle(turns)
    turns.sort(key=lambda one: one[0])
    return [passage for _, passage in turns[:count]]


def _by_model(passages: Sequence[Passage], model: LanguageModel) -> Iterable[Written]:
    replies = model.generate([_prompt(passage, model) for passage in passages], CONFIG)
    for passage, reply in zip(passages, replies, strict=True):
        question = reply.text.strip().removeprefix("Question:").strip(' "“”')
        if question.endswith(("?", "？")) and len(question.split()) >= 4:
            own = set(terms(f"{passage.chunk.title} {passage.section} {passage.chunk.text}"))
            if own.intersection(terms(question)) and "passage" not in question.casefold():
                yield Written(question, passage, "model")


def _prompt(passage: Passage, model: LanguageModel) -> Conversation:
    """The two examples first: all prompts share them, so that a prefix cache reads them once."""
    turns = [Message("system", "You write the question that a person would ask.")]
    for title, text, question in _SHOWN:
        turns += [Message("user", _shown(title, text)), Message("assistant", question)]
    text = model.truncate(passage.chunk.text, _READ)
    title = " · ".join(part for part in (passage.chunk.title, passage.section) if part)
    return (*turns, Message("user", _shown(title, text)))


def _shown(title: str, text: str) -> str:
    return f"{title}\n{' '.join(text.split())}\n\nWrite the question that this text answers."


def _cut(passage: Passage, generator: random.Random) -> Written | None:
    """A sentence as the question, and the passage without it; None where too little is left."""
    text = passage.chunk.text
    sentences = [part.strip() for part in _SENTENCE_END.split(text)]
    worth = [part for part in sentences if len(terms(part)) >= 5]
    if len(worth) < 2:
        return None
    sentence = generator.choice(worth)
    rest = replace(passage, chunk=replace(passage.chunk, text=text.replace(sentence, " ")))
    words = sentence.split()
    start = generator.randrange(max(1, len(words) - _LONGEST + 1))
    return Written(" ".join(words[start : start + _LONGEST]), rest, "sentence")
