"""Asked again by one who did not write the question: does the same answer come back?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from metier.dataset.generate.checks.spans import agreement, same_answer, shared
from metier.dataset.generate.personas import ANSWERER
from metier.dataset.generate.text.passage import Passage
from metier.dataset.generate.text.sentences import Sentence, one_line
from metier.dataset.generate.text.wording import bare
from metier.dataset.generate.writers.answer import CONFIG, answer_prompt, read_answer
from metier.dataset.generate.writers.teacher import Teacher
from metier.protocols import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Question = tuple[Passage, str]


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
        questions = self._embedder.embed([bare(question, p.subject) for p, question in asked])
        found = []
        for (passage, question), vector, answer in zip(asked, questions, answers, strict=True):
            near, vectors = self._read[passage.hash]
            plain, language = bare(question, passage.subject), passage.language
            said = [shared(plain, sentence.text, language) for sentence in near]
            best = near[int((vectors @ vector + said).argmax())]
            found.append(agreement(plain, best.text, answer, language=language))
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
