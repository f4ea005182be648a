"""The server's end of an engine in a process of its own: kept alive, started again when lost."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import threading
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from queue import SimpleQueue

from metier.models.engines.continuous import Counts
from metier.models.engines.opening import PromptTooLongError
from metier.serving.engines.worker import (
    Cancel,
    EngineError,
    News,
    Opened,
    Opening,
    Order,
    Outcome,
    Register,
    Report,
    work,
)
from metier.serving.engines.writing import Ask, End, Event, Piece, TokenLog, Writing, tell_all
from metier.serving.refusal import Refusal, busy

_log = logging.getLogger("metier.serving")

SILENCE = 120
"""Seconds without a word from an engine that has work, after which it counts as hung. One pass
takes seconds, the compiling of a first adapter some more."""
LONGEST_PAUSE = 30
"""Seconds between two attempts to start an engine that cannot be started."""


class EngineProcess:
    """One base model and its adapters, in a process that may die.

    What it was writing then fails with 503, and it is started again; until it has, new answers
    are refused with 503, which the official client tries again.
    """

    def __init__(self, opening: Opening, *, most_waiting: int = 256) -> None:
        """Start it and wait; the error of an engine that cannot be opened is raised here."""
        self.name = opening.name
        self.ready = False
        self.restarts = 0
        self.counts = Counts()
        """Of this life, as of its last pass."""
        self._opening = opening
        self._most = most_waiting
        self._adapters: list[Path] = []
        self._numbers = itertools.count(1)
        self._writings: dict[int, Writing] = {}
        self._left: dict[int, Writing] = {}
        """Those without a reader, whose engine has yet to tell what they cost."""
        self._outcomes: dict[int, Future[None]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._life = self._open()
        self.ready = True
        threading.Thread(target=self._watch, name="metier-engine", daemon=True).start()

    @property
    def active(self) -> int:
        """Answers that are asked for and not finished."""
        return len(self._writings)

    @property
    def pid(self) -> int:
        """Of the process that is at work now."""
        return self._life.process.pid or 0

    def register(self, adapter: Path) -> int:
        """Let orders name this adapter; an error where it does not fit the base.

        The number is another each time, since a folder may hold another adapter by then.
        """
        done: Future[None] = Future()
        with self._lock:
            self._expect_ready()
            number = next(self._numbers)
            self._outcomes[number] = done
            self._life.send(Register(number, adapter))
        done.result()
        self._adapters.append(adapter)
        return number

    def forget(self, adapter: Path) -> None:
        """Do not open it again with the engine; answers under way go on."""
        with suppress(ValueError):
            self._adapters.remove(adapter)

    def submit(
        self, ask: Ask, writing: Writing, *, adapter: Path | None = None, space: str = ""
    ) -> None:
        """Hand over an answer; ``Refusal`` when too many are there already, or no engine is.

        Prefixes are shared within a tenant's space.
        """
        with self._lock:
            self._expect_ready()
            if self.active >= self._most:
                raise busy(2, f"{self.active} answers are under way already; ask again in a moment")
            number = next(self._numbers)
            self._writings[number] = writing
            self._life.send(
                Order(
                    number,
                    ask.prompt,
                    ask.config,
                    space=f"{space}\0{ask.tenant}",
                    adapter=adapter,
                    top_scores=ask.top_logs,
                    live=ask.live,
                )
            )

    def close(self) -> None:
        """End the process; answers under way fail."""
        self._closing.set()
        self._life.end()

    def _expect_ready(self) -> None:
        if not self.ready:
            raise _lost("the engine is being started")

    def _open(self) -> _Life:
        life = _Life(self._opening)
        try:
            life.opened()
        except BaseException:
            life.end()
            raise
        for adapter in self._adapters:
            life.send(Register(0, adapter))
        return life

    def _watch(self) -> None:
        """Read what the engine tells until it dies, then start it again."""
        while True:
            with suppress(EOFError, OSError):
                self._listen()
            self._life.end()
            self._lose()
            pause = 0
            while not self.ready:
                if self._closing.wait(pause):
                    return
                pause = min(LONGEST_PAUSE, 2 * pause or 1)
                try:
                    life = self._open()
                except Exception:
                    _log.exception("%s could not be started; once more in %d s", self.name, pause)
                    continue
                with self._lock:  # orders go to the new process from now on
                    self._life, self.ready = life, True
            if self._closing.is_set():  # while it was being started
                self._life.end()
                return
            self.restarts += 1

    def _listen(self) -> None:
        silent = 0
        while silent < SILENCE:
            message = self._life.receive()
            silent = silent + 1 if message is None and self._writings else 0
            if isinstance(message, Report):
                self._report(message)
            elif isinstance(message, Outcome):
                self._outcome(message)

    def _lose(self) -> None:
        """Fail everything that was under way."""
        with self._lock:
            self.ready = False
            self.counts = Counts()
            writings = {**self._writings, **self._left}
            self._writings, self._left = {}, {}
            outcomes, self._outcomes = self._outcomes, {}
        if not self._closing.is_set():
            _log.error("the process of %s ended; starting it again", self.name)
        for writing in writings.values():
            writing.tell(_lost("the engine failed and is started again"))
        for outcome in outcomes.values():
            outcome.set_exception(EngineError("the engine failed and is started again"))

    def _report(self, report: Report) -> None:
        self.counts = report.counts
        told: list[tuple[Writing, Event]] = []
        for news in report.news:
            writing = self._writings.get(news.number) or self._left.get(news.number)
            if writing is not None:
                writing.usage = news.usage
                told += [(writing, event) for event in _events(news)]
            if news.finish is not None:
                self._writings.pop(news.number, None)
                self._left.pop(news.number, None)
        tell_all(told)
        for number, writing in list(self._writings.items()):
            if writing.cancelled:
                self._left[number] = self._writings.pop(number)
                self._life.send(Cancel(number))

    def _outcome(self, outcome: Outcome) -> None:
        future = self._outcomes.pop(outcome.number, None)
        if future is not None and outcome.error is None:
            future.set_result(None)
        elif future is not None:
            future.set_exception(outcome.error)
        elif outcome.error is not None:
            for known in (self._writings, self._left):
                if outcome.number in known:
                    known.pop(outcome.number).tell(_refused(outcome.error))


class _Life:
    """One process from its start to its end, and the pipe to it."""

    def __init__(self, opening: Opening) -> None:
        context: SpawnContext | ForkServerContext = multiprocessing.get_context("spawn")
        if "forkserver" in multiprocessing.get_all_start_methods():
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["metier.serving.engines.warm"])
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, opening), daemon=True)
        self.process.start()
        theirs.close()
        self._outbox: SimpleQueue[object] = SimpleQueue()
        threading.Thread(target=self._post, name="metier-engine-outbox", daemon=True).start()

    def send(self, message: object) -> None:
        """Post a message without waiting, since the event loop must not wait for a full pipe."""
        self._outbox.put(message)

    def opened(self) -> None:
        """Wait for the engine; the error that it could not be opened for is raised here."""
        with suppress(EOFError, OSError):
            for _ in range(SILENCE):
                first = self.receive()
                if isinstance(first, Opened):
                    return
                if isinstance(first, Outcome) and first.error is not None:
                    raise first.error
        raise EngineError("the engine's process ended, or hung, while it was being opened")

    def receive(self) -> object:
        """The next message, or None after a second without one; ``EOFError`` at the end."""
        return self._pipe.recv() if self._pipe.poll(1) else None

    def end(self) -> None:
        """Kill the process; it has nothing to save."""
        self.process.kill()
        self.process.join()
        self._outbox.put(None)

    def _post(self) -> None:
        with suppress(OSError):
            while (message := self._outbox.get()) is not None:
                self._pipe.send(message)


class ContinuousWriter:
    """A base model, or an adapter on it."""

    logs = True

    def __init__(self, engine: EngineProcess, adapter: Path | None = None) -> None:
        self._engine = engine
        self._adapter = adapter
        self._space = "" if adapter is None else str(engine.register(adapter))

    def start(self, ask: Ask) -> Writing:
        """Join the batch at its next token."""
        writing = Writing()
        self._engine.submit(ask, writing, adapter=self._adapter, space=self._space)
        return writing


def _events(news: News) -> list[Piece | End]:
    told: list[Piece | End] = []
    if news.text or news.scores:
        logs = tuple(TokenLog(score.token, score.logprob, score.top) for score in news.scores)
        told.append(Piece(news.text, logs))
    if news.finish is not None:
        told.append(End(news.finish, news.usage))
    return told


def _refused(error: Exception) -> Exception:
    if isinstance(error, PromptTooLongError):
        return Refusal(400, str(error), code="context_length_exceeded", param="messages")
    if isinstance(error, EngineError):
        return _lost("the engine failed")
    return error


def _lost(why: str) -> Refusal:
    return Refusal(503, f"{why}; ask once more in a few seconds", headers={"Retry-After": "5"})
