"""An answer as it is written: what engines tell from their threads, and the server reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from metier.types import (
    Conversation,
    GenerateConfig,
    Json,
    Usage,
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
    extras: Mapping[str, Json] = field(default_factory=dict)
    """Fields of the message beyond OpenAI's that are known already; only for whoever reads along.
    """


@dataclass(frozen=True, slots=True)
class End:
    """The answer is whole."""

    finish: Literal["stop", "length"]
    usage: Usage
    extras: Mapping[str, Json] = field(default_factory=dict)
    """Fields of the message beyond OpenAI's: grounding, probabilities, abstained."""
    message: Mapping[str, Json] | None = None
    """What the text means, where it was read on the way: a call, or a reply that looks like one."""


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
    as_of: str | None = None
    """The day as of which a specialist is to answer, as the client wrote it."""


Event = Piece | End | BaseException


class Writing:
    """One answer under way: engines put events in from any thread, the event loop takes them."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self.cancelled = False
        """Whether its reader left; engines look at it between tokens."""
        self._work: asyncio.Future[None] | Future[Any] | None = None
        self.usage = Usage()
        """What it cost so far, as far as its engine has told."""
        self.parts: list[Writing] = []
        """The answers that it is made of, where a model is asked more than once."""
        self._over = asyncio.Event()

    def cancel(self) -> None:
        """Nobody reads it any more."""
        self.cancelled = True
        if self._work is not None:
            self._work.cancel()

    def rest_on(self, work: asyncio.Future[None] | Future[Any]) -> None:
        """What is done for it ends with its reader, or never begins where it waits in a queue."""
        self._work = work
        work.add_done_callback(self._never_ended)

    def _never_ended(self, work: asyncio.Future[None] | Future[Any]) -> None:
        """What reckons the cost waits for an end."""
        if work.cancelled():
            self.tell(RuntimeError("cancelled"))

    def tell(self, event: Event) -> None:
        """Hand on an event; nothing happens once the server is gone."""
        tell_all([(self, event)])

    async def events(self) -> AsyncGenerator[list[Piece | End]]:
        """Pieces, then the end, all that came since the last look together.

        Leaving early stops the engine's work on it.
        """
        try:
            while True:
                known: list[Piece | End] = []
                event = await self._events.get()
                while not isinstance(event, BaseException):
                    known.append(event)
                    if self._events.empty():
                        break
                    event = self._events.get_nowait()
                if known:
                    yield known
                    if isinstance(known[-1], End):
                        return
                if isinstance(event, BaseException):
                    raise event
        finally:
            self.cancel()

    def take(self, event: Event) -> None:
        """As ``tell``, in the event loop's own thread."""
        self._events.put_nowait(event)
        if isinstance(event, End):
            self.usage = event.usage
        if not isinstance(event, Piece):
            self._over.set()

    async def over(self) -> None:
        """Wait for the end, which engines tell also of an answer that nobody reads any more."""
        for part in self.parts:
            await part.over()
        if not self.parts:
            await self._over.wait()

    @property
    def cost(self) -> Usage:
        """Of all its parts, so far."""
        return sum((part.cost for part in self.parts), Usage()) if self.parts else self.usage


def tell_all(told: Sequence[tuple[Writing, Event]]) -> None:
    """Hand on what a pass of an engine gave to many answers, waking their event loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Writing, Event]]] = {}
    for writing, event in told:
        loops.setdefault(writing.loop, []).append((writing, event))
    for loop, given in loops.items():
        with suppress(RuntimeError):  # the server is gone
            loop.call_soon_threadsafe(_give, given)


def _give(told: Sequence[tuple[Writing, Event]]) -> None:
    for writing, event in told:
        writing.take(event)


class Writer(Protocol):
    """A model that writes for the server."""

    @property
    def logs(self) -> bool:
        """Whether it can tell log probabilities."""
        ...

    def start(self, ask: Ask) -> Writing:
        """Begin an answer; ``Refusal`` when the engine has too much to do or cannot do this."""
        ...
