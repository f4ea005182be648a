"""Answers questions behind the passages that a retriever finds, and says which those were."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from metier.methods.asking import ModelAnswerer
from metier.methods.classify import question
from metier.methods.few_shot import Shot, shown_to
from metier.methods.fields import Fields
from metier.methods.lora import conversation
from metier.methods.open_book import open_book
from metier.methods.prompt import prompt_for
from metier.protocols import LanguageModel, Retriever
from metier.retrieval.authority.dates import iso_date
from metier.retrieval.grounding.abstain import Confidence
from metier.retrieval.grounding.checkers import support_checker
from metier.retrieval.grounding.ground import ground
from metier.retrieval.grounding.need import Need
from metier.tracing import span
from metier.types import (
    ABSTENTION,
    Answer,
    Calibration,
    Candidate,
    Chunk,
    Conversation,
    Grounding,
    GroundSettings,
    Hit,
    Scope,
    Support,
)


class GroundedAnswerer:
    """Finds passages, shows them before the question, and answers with one model.

    The candidate's settings ``k``, ``passage_tokens``, ``label_list``, ``role``, ``constrained``,
    ``adapter``, ``unsupported``, ``checker``, ``fields``, ``calibration``, ``least_confidence``,
    ``need`` and ``dynamic_threshold`` say how; ``shots`` are solved examples to show before the
    passages.
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
        self._checker = support_checker(candidate.settings.get("checker", "text"))
        self._fields = Fields(candidate.settings.get("fields", {}))
        need = candidate.settings.get("need")
        self._threshold = float(candidate.settings.get("dynamic_threshold", 0.0))
        self._need = Need(Confidence(**need), self._threshold) if need else None

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

        So does one whose question hardly needs any; what the model says by itself is not checked.
        A question that asks for a field is answered with its value, which no model reads.
        Asked as of a day of which nothing is found, it says so: what the model knows is of today.
        """
        if not batch:
            return []
        questions = [question(one) for one in batch]
        found = self.find(batch)
        answers = [
            self._without_model(asked, hits) for asked, hits in zip(questions, found, strict=True)
        ]
        left = [place for place, answer in enumerate(answers) if answer is None]
        needs = [self._needed(questions[place], found[place]) for place in left]
        alone = [need is not None and need < self._threshold for need in needs]
        shown = [[] if one else found[place] for one, place in zip(alone, left, strict=True)]
        read = self._read([batch[place] for place in left], shown)
        for place, answer, need, one in zip(left, read, needs, alone, strict=True):
            if not one:
                answer = self._checked(answer, questions[place], found[place])
            answers[place] = _with_need(answer, need)
        return [answer for answer in answers if answer is not None]

    def find(self, batch: Sequence[Conversation]) -> Sequence[Sequence[Hit]]:
        """What the store has on each question."""
        with span("retrieval", {"gen_ai.operation.name": "retrieval", "questions": len(batch)}):
            questions = [question(one) for one in batch]
            return self._retriever.search(
                questions, int(self._candidate.settings["k"]), scope=self._scope
            )

    def answer_alone(self, batch: Sequence[Conversation]) -> list[Answer]:
        """What the model answers without any passage, unchecked."""
        return self._read(batch, [[] for _ in batch])

    def _read(self, batch: Sequence[Conversation], found: Sequence[Sequence[Hit]]) -> list[Answer]:
        shown = [[self._cut(hit.chunk) for hit in hits] for hits in found]

        def lay_out(texts: Sequence[str]) -> list[Conversation]:
            return [self._prompt(*one) for one in zip(shown, texts, strict=True)]

        return ModelAnswerer(self._model, self._candidate, lay_out).answer(batch)

    def _needed(self, asked: str, hits: Sequence[Hit]) -> float | None:
        """How probably the question needs its passages; None where everything is looked up."""
        return None if self._need is None else self._need.probability(asked, hits)

    def _without_model(self, asked: str, hits: Sequence[Hit]) -> Answer | None:
        """The value of the field that is asked for, citing its document; or that nothing held."""
        if not hits and self._scope.as_of is not None:
            return self._nothing_of_the_day(asked)
        value = self._fields.read(asked, hits)
        if value is None or hits[0].versions:  # what became of a value is no value
            return None
        passage = hits[0].chunk
        support = Support(0, len(value), (0,), 1.0, (passage.source,), (passage.text,), "supported")
        grounding = ground(asked, "", hits=hits).grounding
        return Answer(value, grounding=dataclasses.replace(grounding, supports=(support,)))

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
        given = ground(
            asked, answer.text, hits=hits, checker=self._checker, settings=self._checking
        )
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


def _with_need(answer: Answer, need: float | None) -> Answer:
    if need is None:
        return answer
    grounding = dataclasses.replace(answer.grounding or Grounding(), need=need)
    return dataclasses.replace(answer, grounding=grounding)


def confidence(answer: Answer) -> float:
    """How sure the checker is of the answer's least supported sentence; 0 where it has none."""
    supports = answer.grounding.supports if answer.grounding else ()
    return min((support.confidence for support in supports), default=0.0)
