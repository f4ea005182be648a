"""What writes for the server behind a batcher: any language model, and a released specialist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import Literal

from metier.errors import DataError
from metier.protocols import LanguageModel
from metier.retrieval.grounding.gemini import as_gemini
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writing import Ask, End, Piece, Writing
from metier.serving.refusal import Refusal
from metier.serving.release.specialist import Specialist
from metier.types import (
    Answer,
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    Message,
    Scope,
    Usage,
    content_hash,
)


class PlainWriter:
    """Any ``LanguageModel`` behind the batcher: transformers, the fake."""

    logs = False

    def __init__(self, model: LanguageModel, batcher: Batcher) -> None:
        self._model = model
        self._batcher = batcher

    def start(self, ask: Ask) -> Writing:
        """Batch with others of the same settings, or read along alone when somebody watches."""
        writing = Writing()
        conversation = conversation_of(ask.prompt)
        if ask.live:
            stream = self._streamer(ask, writing)
            writing.rest_on(self._batcher.submit(object(), conversation, stream))
            return writing
        # Sampling depends on a row's place in its batch, so only greedy answers are mixed.
        group = content_hash(asdict(ask.config)) if ask.config.temperature == 0 else object()

        def generate(batch: Sequence[Conversation]) -> Sequence[Completion]:
            return self._model.generate(batch, ask.config)

        future = self._batcher.submit((self._model.name, group), conversation, generate)
        future.add_done_callback(lambda done: _tell_whole(writing, done))
        writing.rest_on(future)
        return writing

    def _streamer(
        self, ask: Ask, writing: Writing
    ) -> Callable[[Sequence[Conversation]], Sequence[None]]:
        def stream(batch: Sequence[Conversation]) -> Sequence[None]:
            text = ""
            try:
                for piece in self._model.stream(batch[0], ask.config):
                    if writing.cancelled:
                        break
                    text += piece
                    writing.tell(Piece(piece))
                writing.tell(End(*self._reckon(batch[0], text, ask.config)))
            except Exception as error:
                if text:
                    writing.usage = self._reckon(batch[0], text, ask.config)[1]
                writing.tell(error)
            return [None]

        return stream

    def _reckon(
        self, conversation: Conversation, text: str, config: GenerateConfig
    ) -> tuple[Literal["stop", "length"], Usage]:
        """A stream tells no usage, so it is counted; nor whether the limit ended it."""
        read = sum(self._model.count_tokens(message.content) for message in conversation)
        wrote = self._model.count_tokens(text)
        bound = bool(config.choices) or config.json_schema is not None
        full = wrote >= config.max_new_tokens and not bound
        return ("length" if full else "stop"), Usage(read, wrote + (not full))


class SpecialistWriter:
    """A released specialist: it answers whole, in its own form, exactly as it was measured."""

    logs = False

    def __init__(self, specialist: Specialist, batcher: Batcher) -> None:
        self._specialist = specialist
        self._batcher = batcher
        self.base = specialist.candidate.base
        self.directory = specialist.directory

    def start(self, ask: Ask) -> Writing:
        """Batch with the tenant's other questions as of this day; its settings are its own.

        Not with those of other tenants: they see other documents, and prompts of a batch share
        what they begin with.
        """
        if ask.config.choices or ask.config.json_schema is not None:
            raise Refusal(
                400,
                "a specialist answers in the form it was measured in; ask its base model for "
                "enum, response_format or tools",
            )
        scope = Scope(as_of=ask.as_of, tenant=ask.tenant)
        try:
            answerer = self._specialist.within(scope)
        except DataError as error:
            raise Refusal(400, str(error), param="as_of") from error
        writing = Writing()
        group = id(self._specialist), scope
        future = self._batcher.submit(group, conversation_of(ask.prompt), answerer.answer)
        future.add_done_callback(lambda done: _tell_answer(writing, done))
        writing.rest_on(future)
        return writing


def _tell_answer(writing: Writing, done: Future[Answer]) -> None:
    if done.cancelled():
        return
    if (error := done.exception()) is not None:
        writing.tell(error)
        return
    answer = done.result()
    extras: dict[str, Json] = {"abstained": True} if answer.abstained else {}
    if answer.probabilities is not None:
        extras["probabilities"] = dict(answer.probabilities)
    if answer.grounding is not None:
        extras["grounding"] = as_gemini(answer.text, answer.grounding)
    writing.tell(Piece(answer.text))
    writing.tell(End("stop", answer.usage, extras))


def conversation_of(prompt: Conversation | str) -> Conversation:
    """Plain text is what a user says, to models that know conversations only."""
    return (Message("user", prompt),) if isinstance(prompt, str) else prompt


def _tell_whole(writing: Writing, done: Future[Completion]) -> None:
    if done.cancelled():
        return
    if (error := done.exception()) is not None:
        writing.tell(error)
        return
    completion = done.result()
    writing.tell(Piece(completion.text))
    writing.tell(End(completion.finish_reason, completion.usage))
