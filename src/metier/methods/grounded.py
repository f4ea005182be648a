"""Answers questions behind the passages that a retriever finds, and says which those were."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import compress

from metier.methods.asking import ModelAnswerer
from metier.methods.classify import question
from metier.methods.few_shot import Shot, shown_to
from metier.methods.lora import conversation
from metier.methods.open_book import open_book
from metier.methods.prompt import prompt_for
from metier.protocols import LanguageModel, Retriever
from metier.retrieval.authority.dates import iso_date
from metier.retrieval.grounding.ground import ground
from metier.tracing import span
from metier.types import (
    ABSTENTION,
    Answer,
    Calibration,
    Candidate,
    Chunk,
    Conversation,
    GroundSettings,
    Hit,
    Scope,
)


class GroundedAnswerer:
    """Finds passages, shows them before the question, and answers with one model.

    The candidate's settings ``k``, ``passage_tokens``, ``label_list``, ``role``, ``constrained``,
    ``adapter``, ``unsupported``, ``calibration`` and ``least_confidence`` say how; ``shots`` are
    solved examples to show before the passages.
    """

    def __init__(
        self,
        model: LanguageModel,
        candidate: Candidate,
        retriever: Retriever,
        shots: Sequence[Shot] = (),
        scope: Scope | None = None,
    ) -> None:
        self._model = model
        self._candidate = candidate
        self._retriever = retriever
        self._shots = shots
        self._scope = scope or Scope()
        calibration = candidate.settings.get("calibration")
        self._checking = GroundSettings(
            policy=candidate.settings["unsupported"],
            calibration=Calibration(**calibration) if calibration else None,
        )

    def reading(self, retriever: Retriever) -> GroundedAnswerer:
        """The same reader over another store; over an ``Oracle``, only its own errors are left."""
        return GroundedAnswerer(self._model, self._candidate, retriever, self._shots, self._scope)

    def within(self, scope: Scope) -> GroundedAnswerer:
        """The same reader over that part of its store; ``DataError`` for a day that is none."""
        as_of = None if scope.as_of is None else iso_date(scope.as_of)
        dated = dataclasses.replace(scope, as_of=as_of)
        return GroundedAnswerer(self._model, self._candidate, self._retriever, self._shots, dated)

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """Answers with their passages in ``grounding``; one that finds none answers without.

        Asked as of a day of which nothing is found, it says so: what the model knows is of today.
        """
        if not batch:
            return []
        questions = [question(one) for one in batch]
        with span("retrieval", {"gen_ai.operation.name": "retrieval", "questions": len(batch)}):
            found = self._retriever.search(
                questions, int(self._candidate.settings["k"]), scope=self._scope
            )
        read = [bool(hits) or self._scope.as_of is None for hits in found]
        shown = [[self._cut(hit.chunk) for hit in hits] for hits in compress(found, read)]

        def lay_out(texts: Sequence[str]) -> list[Conversation]:
            return [self._prompt(*one) for one in zip(shown, texts, strict=True)]

        asking = ModelAnswerer(self._model, self._candidate, lay_out)
        answers = iter(asking.answer(list(compress(batch, read))))
        return [
            self._checked(next(answers), asked, hits)
            if is_read
            else self._nothing_of_the_day(asked)
            for asked, hits, is_read in zip(questions, found, read, strict=True)
        ]

    def _nothing_of_the_day(self, asked: str) -> Answer:
        said = f"Nothing was found that held on {self._scope.as_of}."
        return Answer(said, abstained=True, grounding=ground(asked, "", hits=()).grounding)

    def _checked(self, answer: Answer, asked: str, hits: Sequence[Hit]) -> Answer:
        """The answer with what it rests on; one that is not sure enough becomes an abstention.

        A label is no claim: a classification keeps the passages that it was made behind.
        """
        found = dataclasses.replace(answer, grounding=ground(asked, "", hits=hits).grounding)
        if answer.abstained or self._candidate.task.kind == "classification":
            return found
        settings = self._candidate.settings
        given = ground(asked, answer.text, hits=hits, settings=self._checking)
        checked = dataclasses.replace(answer, text=given.text, grounding=given.grounding)
        least = settings.get("least_confidence")
        if not given.text or (least is not None and confidence(checked) <= least):
            return dataclasses.replace(found, text=ABSTENTION, abstained=True)
        return checked

    def _cut(self, chunk: Chunk) -> Chunk:
        room = int(self._candidate.settings["passage_tokens"])
        return dataclasses.replace(chunk, text=self._model.truncate(chunk.text, room))

    def _prompt(self, passages: Sequence[Chunk], text: str) -> Conversation:
        task, settings = self._candidate.task, self._candidate.settings
        behind = open_book(passages, text)
        if settings["adapter"]:  # a tuned model is shown what it was tuned on
            return conversation(task, behind)
        return prompt_for(
            task,
            behind,
            label_list=bool(settings["label_list"]),
            role=bool(settings["role"]),
            shots=[(one.text, one.answer) for one in shown_to(self._scope.tenant, self._shots)],
        )


def confidence(answer: Answer) -> float:
    """How sure the checker is of the answer's least supported sentence; 0 where it has none."""
    supports = answer.grounding.supports if answer.grounding else ()
    return min((support.confidence for support in supports), default=0.0)
