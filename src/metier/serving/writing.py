"""An answer as it is written: what engines tell from their threads, and the server reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol

from metier.protocols import LanguageModel
from metier.retrieval.gemini import as_gemini
from metier.serving.batcher import Batcher, Crowd
from metier.serving.refusal import Refusal
from metier.serving.specialist import Specialist
from metier.types import (
    Answer,
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    Message,
    Usage,
    content_hash,
)


@dataclass(frozen=True, slots=True)
class TokenLog:
    """A written token with its natural-log probability, and the likeliest ones at its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that later tokens cannot change any more."""

    text: str
    logs: tuple[TokenLog, ...] = ()


@dataclass(frozen=True, slots=True)
class End:
    """The answer is whole."""

    finish: Literal["stop", "length"]
    usage: Usage
    extras: Mapping[str, Json] = field(default_factory=dict)
    """Fields of the message beyond OpenAI's: grounding, probabilities, abstained."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One answer wanted."""

    prompt: Conversation | str
    """A conversation, or plain text to go on with."""
    config: GenerateConfig
    tenant: str = ""
    top_logs: int | None = None
    """How many of the likeliest tokens to tell with each; None for no log probabilities."""
    live: bool = False
    """Whether somebody reads along."""


class Writing:
    """One answer under way: engines put events in from any thread, the event loop takes them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Piece | End | BaseException] = asyncio.Queue()
        self.cancelled = False
        """Set by the reader; engines look at it between tokens."""

    def tell(self, event: Piece | End | BaseException) -> None:
        """Hand on an event; nothing happens once the server is gone."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def events(self) -> AsyncGenerator[Piece | End]:
        """Pieces, then the end; leaving early stops the engine's work on it."""
        try:
            while True:
                event = await self._events.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
                if isinstance(event, End):
                    return
        finally:
            self.cancelled = True


class Writer(Protocol):
    """A model that writes for the server."""

    @property
    def logs(self) -> bool:
        """Whether it can tell log probabilities."""
        ...

    @property
    def window(self) -> int | None:
        """Tokens of prompt and answer together; None where nobody knows."""
        ...

    def start(self, ask: Ask) -> Writing:
        """Begin an answer; ``Refusal`` when the engine has too much to do or cannot do this."""
        ...


class PlainWriter:
    """Any ``LanguageModel`` behind the batcher: remote endpoints, transformers, the fake."""

    logs = False
    window = None

    def __init__(self, model: LanguageModel, batcher: Batcher | Crowd) -> None:
        self._model = model
        self._batcher = batcher

    def start(self, ask: Ask) -> Writing:
        """Batch with others of the same settings, or read along alone when somebody watches."""
        writing = Writing()
        conversation = _conversation(ask.prompt)
        if ask.live:
            self._batcher.submit(object(), conversation, self._streamer(ask, writing))
            return writing
        # Sampling depends on a row's place in its batch, so only greedy answers are mixed.
        group = content_hash(asdict(ask.config)) if ask.config.temperature == 0 else object()

        def generate(batch: Sequence[Conversation]) -> Sequence[Completion]:
            return self._model.generate(batch, ask.config)

        future = self._batcher.submit((self._model.name, group), conversation, generate)
        future.add_done_callback(lambda done: _tell_whole(writing, done))
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
    window = None

    def __init__(self, specialist: Specialist, batcher: Batcher) -> None:
        self._specialist = specialist
        self._batcher = batcher
        self.base = specialist.candidate.base
        self.directory = specialist.directory

    def start(self, ask: Ask) -> Writing:
        """Batch with the other questions to this specialist; its settings are its own."""
        if ask.config.choices or ask.config.json_schema is not None:
            raise Refusal(
                400,
                "a specialist answers in the form it was measured in; ask its base model for "
                "enum, response_format or tools",
            )
        writing = Writing()
        future = self._batcher.submit(
            id(self._specialist), _conversation(ask.prompt), self._specialist.answer
        )
        future.add_done_callback(lambda done: _tell_answer(writing, done))
        return writing


def _tell_answer(writing: Writing, done: Future[Answer]) -> None:
    error = done.exception() if not done.cancelled() else RuntimeError("cancelled")
    if error is not None:
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


def _conversation(prompt: Conversation | str) -> Conversation:
    return (Message("user", prompt),) if isinstance(prompt, str) else prompt


def _tell_whole(writing: Writing, done: Future[Completion]) -> None:
    error = done.exception() if not done.cancelled() else RuntimeError("cancelled")
    if error is not None:
        writing.tell(error)
        return
    completion = done.result()
    writing.tell(Piece(completion.text))
    writing.tell(End(completion.finish_reason, completion.usage))
