"""Asked again by one who did not write the question: does the same answer come back?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from metier.dataset.generate.checks.evidence import locate
from metier.dataset.generate.personas import ANSWERER
from metier.dataset.generate.text.passage import Passage, names
from metier.dataset.generate.text.sentences import Sentence, one_line, token_f1, words
from metier.dataset.generate.writers.answer import CONFIG, answer_prompt, read_answer
from metier.dataset.generate.writers.teacher import Teacher
from metier.protocols import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Question = tuple[Passage, str]
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_TYPED: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(question, re.IGNORECASE), re.compile(answer))
    for question, answer in (
        (
            r"\b(?:which|what) (?:date|day)\b",
            rf"(?:{_MONTH}) \d{{1,2}}, \d{{4}}|\d{{1,2}} (?:{_MONTH}) \d{{4}}",
        ),
        (r"\b(?:which|what) month\b", rf"(?:{_MONTH})(?: \d{{1,2}})?,? \d{{4}}"),
        (r"\b(?:which|what) year\b", r"\b(?:1[5-9]|20)\d\d\b"),
        (r"\bwhen\b", rf"(?:(?:{_MONTH}) )?(?:\d{{1,2}}, )?\b(?:1[5-9]|20)\d\d\b"),
        (r"\bhow much\b", r"[$€£]\s?\d[\d,.]*\d(?: (?:thousand|million|billion|trillion))?"),
        (r"\bpercentage\b", r"\d[\d.]* ?(?:percent|per cent|%)"),
        (
            r"\bhow many\b",
            r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d[\d,]*)\b",
        ),
    )
)


class Reader(Protocol):
    """Answers questions from their passage, seeing nothing else."""

    @property
    def name(self) -> str: ...
    def agrees(self, asked: Sequence[Question], answers: Sequence[str]) -> list[float]:
        """How far its own answer is the given one, from 0 to 1."""
        ...


class SpanReader:
    """Finds the sentence nearest to the question, and in it what the question's words ask for.

    It runs on the embedder alone. A question that fits another sentence better than its own, or
    one with several things of the kind asked for in its sentence, does not come back the same.
    Where the question does not tell the kind of its answer, the sentence is the answer.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._read: dict[str, tuple[list[Sentence], NDArray[np.float32]]] = {}

    @property
    def name(self) -> str:
        """``spans`` and the embedder."""
        return f"spans:{self._embedder.name}"

    def agrees(self, asked: Sequence[Question], answers: Sequence[str]) -> list[float]:
        """1 where the answer is what the nearest sentence gives, else what they share."""
        if not asked:
            return []
        self._embed({passage.hash: passage for passage, _ in asked})
        questions = self._embedder.embed([_bare(p, question) for p, question in asked])
        found = []
        for (passage, question), vector, answer in zip(asked, questions, answers, strict=True):
            near, vectors = self._read[passage.hash]
            best = near[int((vectors @ vector).argmax())]
            found.append(_agreement(question, best.text, answer))
        return found

    def _embed(self, passages: dict[str, Passage]) -> None:
        new = {key: p.sentences for key, p in passages.items() if key not in self._read}
        texts = [one_line(s.text) for sentences in new.values() for s in sentences]
        if not texts:
            return
        vectors, start = self._embedder.embed(texts), 0
        for key, sentences in new.items():
            self._read[key] = (sentences, vectors[start : start + len(sentences)])
            start += len(sentences)


class ModelReader:
    """A language model that is given passage and question."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    @property
    def name(self) -> str:
        """The model's name."""
        return self._teacher.name

    def agrees(self, asked: Sequence[Question], answers: Sequence[str]) -> list[float]:
        """Token F1, or 1 where a short answer stands whole in its own."""
        prompts = [answer_prompt(passage, question, ANSWERER) for passage, question in asked]
        replies = [read_answer(reply) for reply in self._teacher.ask(prompts, CONFIG)]
        return [same_answer(r.answer, answer) for r, answer in zip(replies, answers, strict=True)]


def same_answer(given: str, expected: str) -> float:
    """How far two answers are the same: token F1, or 1 for all words of one inside a short other.

    An answer of three times as many words no longer says the same: it may list everything.
    """
    one, other = words(given), words(expected)
    short, long = sorted((one, other), key=len)
    if short and len(long) <= 3 * len(short) + 6 and _stands_in(short, long):
        return 1.0
    return token_f1(given, expected)


def _bare(passage: Passage, question: str) -> str:
    """Without the document's name, which is in every question and in no sentence."""
    return (
        question.replace(f"According to {passage.subject}, ", "") if passage.subject else question
    )


def _agreement(question: str, sentence: str, answer: str) -> float:
    text = one_line(sentence)
    for asks, form in _TYPED:
        if asks.search(question):
            found = {m.group() for m in form.finditer(text)} - _in(form, question)
            return (
                max((same_answer(f, answer) for f in found), default=0.0)
                if len(found) == 1
                else 0.0
            )
    if re.search(r"\b(?:who|whom|which (?:court|body|person))\b", question, re.IGNORECASE):
        open_names = [n for n in names(text) if n.casefold() not in question.casefold()]
        return max((same_answer(n, answer) for n in open_names), default=0.0)
    place = locate(answer, sentence)
    if place is not None:
        return 1.0
    said, wanted = set(words(text)), words(answer)
    return sum(word in said for word in wanted) / len(wanted) if wanted else 0.0


def _in(form: re.Pattern[str], question: str) -> set[str]:
    return {match.group() for match in form.finditer(question)}


def _stands_in(short: Sequence[str], long: Sequence[str]) -> bool:
    size = len(short)
    return any(list(long[i : i + size]) == list(short) for i in range(len(long) - size + 1))
