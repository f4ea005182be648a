"""What the engine's own process does: it takes orders from a pipe and tells what it writes."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

from metier.errors import DataError, MetierError
from metier.models.engines.continuous import (
    Continuous,
    Counts,
    Job,
    TokenScores,
)
from metier.models.engines.decoding import usage
from metier.models.engines.opening import Opener, PromptTooLongError
from metier.models.engines.paged import PagedEngine
from metier.types import Conversation, GenerateConfig, Usage

_log = logging.getLogger("metier.serving")

TOLD_AT_ONCE = 16
"""Answers of which a pass tells what is new. With more under way each is told of every second or
third pass, several tokens at once: telling takes the processors that the engine computes on, and
32 clients read 40 pieces a second each no faster than 20."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What an engine is opened with."""

    directory: Path
    name: str
    cache_tokens: int


@dataclass(frozen=True, slots=True)
class Register:
    """Let orders name this adapter; answered by an ``Outcome``."""

    number: int
    adapter: Path


@dataclass(frozen=True, slots=True)
class Order:
    """One answer wanted."""

    number: int
    prompt: Conversation | str
    config: GenerateConfig
    space: str = ""
    adapter: Path | None = None
    top_scores: int | None = None
    live: bool = False
    """Whether to tell every token, or only the end."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this order any more; answered by ``News`` of what it cost until then."""

    number: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The engine takes orders."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Something was done, or could not be."""

    number: int
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What an order has become since it was last told of; its end when ``finish`` is set."""

    number: int
    text: str
    scores: tuple[TokenScores, ...]
    usage: Usage
    finish: Literal["stop", "length"] | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything new after one pass of the engine."""

    news: tuple[News, ...]
    counts: Counts


class EngineError(Exception):
    """The engine lost what it was doing."""


def work(pipe: Connection, opening: Opening) -> None:
    """Be the engine's process."""
    for stopping in (signal.SIGINT, signal.SIGTERM):  # they mean the server, which drains first
        signal.signal(stopping, signal.SIG_IGN)
    with suppress(OSError):  # where memory ends, it is better to lose the engine than the server
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    serve(pipe, opening)


def serve(pipe: Connection, opening: Opening) -> None:
    """Take orders until the pipe's other end closes, which is how the server's death is told."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            worker = _Worker(opening, pipe)
        except Exception as error:
            pipe.send(Outcome(0, _sendable(error)))
            return
        gc.freeze()  # what is there for good is not looked through between two tokens
        pipe.send(Opened())
        worker.run()


class _Worker:
    """The loop: orders are read between two passes, or waited for when there is nothing to do."""

    def __init__(self, opening: Opening, pipe: Connection) -> None:
        self._paged = PagedEngine(opening.directory, tokens=opening.cache_tokens)
        self._opener = Opener(opening.directory, name=opening.name, window=self._paged.window)
        self._engine = Continuous(self._paged, self._opener.chat)
        self._pipe = pipe
        self._wanted: dict[int, Job] = {}
        """Orders that are neither finished nor cancelled."""
        self._passes = 0
        self._news: list[News] = []

    def run(self) -> None:
        """Until ``EOFError`` or a broken pipe."""
        while True:
            while not self._engine.jobs or self._pipe.poll():
                self._take(self._pipe.recv())
            self._passes += 1
            try:
                self._engine.step()
            except Exception as error:  # fail who is affected, serve who comes next
                _log.exception("the engine failed")
                self._engine.reset()
                for number in self._wanted:
                    self._pipe.send(Outcome(number, EngineError(str(error))))
                self._wanted.clear()
            self._pipe.send(Report(tuple(self._news), self._engine.counts))
            self._news.clear()

    def _take(self, message: object) -> None:
        if isinstance(message, Cancel):
            self._cancel(message.number)
        elif isinstance(message, Order | Register):
            try:
                self._add(message) if isinstance(message, Order) else self._register(message)
            except Exception as error:
                self._pipe.send(Outcome(message.number, _sendable(error)))

    def _add(self, order: Order) -> None:
        job = Job(
            self._opener.row(order.prompt, order.config),
            told=_Teller(self._engine, order, self._due, self._tell),
            failed=lambda error: self._fail(order.number, error),
            space=order.space,
            adapter=order.adapter,
            top_scores=order.top_scores,
            cancelled=lambda: order.number not in self._wanted,
        )
        self._engine.add(job)
        self._wanted[order.number] = job

    def _fail(self, number: int, error: Exception) -> None:
        self._wanted.pop(number, None)
        self._pipe.send(Outcome(number, _sendable(error)))

    def _cancel(self, number: int) -> None:
        job = self._wanted.pop(number, None)
        if job is not None:
            spent = usage(job.row)
            read = min(job.read, spent.prompt_tokens)
            self._news.append(News(number, "", (), replace(spent, prompt_tokens=read), "stop"))

    def _register(self, wanted: Register) -> None:
        self._paged.register(wanted.adapter, base_name=self._opener.name)
        self._pipe.send(Outcome(wanted.number))

    def _due(self, number: int) -> bool:
        """Whether this pass tells of this order, where it tells not of all."""
        every = 1 + max(0, len(self._wanted) - 1) // TOLD_AT_ONCE
        return (self._passes + number) % every == 0

    def _tell(self, news: News) -> None:
        self._news.append(news)
        if news.finish is not None:
            self._wanted.pop(news.number, None)


class _Teller:
    """Finds what is new in a job: its first words at once, others when they are due."""

    def __init__(
        self,
        engine: Continuous,
        order: Order,
        due: Callable[[int], bool],
        tell: Callable[[News], None],
    ) -> None:
        self._engine = engine
        self._order = order
        self._due = due
        self._tell = tell
        self._sent = 0
        self._scores = 0

    def __call__(self, job: Job) -> None:
        if job.row.finish is None and not self._worth_a_look():
            return
        text = self._engine.text(job)
        scores = tuple(job.scores[self._scores :])
        if len(text) > self._sent or scores or job.row.finish is not None:
            new = text[self._sent :]
            self._tell(News(self._order.number, new, scores, usage(job.row), job.row.finish))
            self._sent, self._scores = len(text), len(job.scores)

    def _worth_a_look(self) -> bool:
        return self._order.live and (not self._sent or self._due(self._order.number))


def _sendable(error: Exception) -> Exception:
    """An error that survives the pipe; pickle calls its class with the message alone."""
    if isinstance(error, PromptTooLongError | DataError):
        return type(error)(str(error))
    if isinstance(error, MetierError):
        return MetierError(str(error))
    _log.error("an order failed", exc_info=error)
    return RuntimeError(f"{type(error).__name__}: {error}")
