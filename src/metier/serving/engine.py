"""The thread that runs continuous batching for one base model and its adapters."""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path

from metier.models.continuous import Continuous, Job, PromptTooLongError
from metier.serving.refusal import Refusal, busy
from metier.serving.writing import Ask, End, Piece, TokenLog, Writing

_log = logging.getLogger("metier.serving")
_LOST = "the engine failed and was started again; ask once more"


class ContinuousThread:
    """Takes jobs from the server's threads; cancelled ones stop costing after the next token."""

    def __init__(self, engine: Continuous, *, most_waiting: int = 256) -> None:
        self.engine = engine
        self._most = most_waiting
        self._new: deque[tuple[Job, Writing]] = deque()
        self._writings: dict[int, Writing] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="metier-engine", daemon=True)
        self._thread.start()

    @property
    def active(self) -> int:
        """Answers that are asked for and not finished."""
        return len(self._new) + len(self._writings)

    def submit(self, job: Job, writing: Writing) -> None:
        """Hand over a job; ``Refusal`` 429 when too many are there already."""
        with self._wake:
            if self.active >= self._most:
                raise busy(2, f"{self.active} answers are under way already; ask again in a moment")
            self._new.append((job, writing))
            self._wake.notify()

    def close(self) -> None:
        """End the thread after the work that is there."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._new or self.engine.jobs or self._closed)
                if self._closed and not self._new and not self.engine.jobs:
                    return
                new, self._new = self._new, deque()
            for job, writing in new:
                self._add(job, writing)
            try:
                self.engine.step()
            except Exception as error:  # fail who is affected, serve who comes next
                _log.exception("the engine failed")
                self.engine.reset()
                for writing in self._writings.values():
                    refusal = Refusal(503, _LOST, headers={"Retry-After": "1"})
                    refusal.__cause__ = error
                    writing.tell(refusal)
            live = {id(job) for job in self.engine.jobs}
            self._writings = {key: w for key, w in self._writings.items() if key in live}

    def _add(self, job: Job, writing: Writing) -> None:
        try:
            self.engine.add(job)
            self._writings[id(job)] = writing
        except PromptTooLongError as error:
            refusal = Refusal(400, str(error), code="context_length_exceeded", param="messages")
            writing.tell(refusal)
        except Exception as error:
            writing.tell(error)


class ContinuousWriter:
    """A base model, or an adapter on it."""

    logs = True

    def __init__(self, thread: ContinuousThread, adapter: Path | None = None) -> None:
        self._thread = thread
        self._adapter = adapter
        self.window: int | None = thread.engine.window
        if adapter is not None:
            thread.engine.engine.register(adapter, base_name=thread.engine.name)

    def start(self, ask: Ask) -> Writing:
        """Join the batch at its next token."""
        writing = Writing()
        job = Job(
            ask.prompt,
            ask.config,
            told=_Teller(self._thread.engine, writing, live=ask.live),
            space=ask.tenant,
            adapter=self._adapter,
            top_scores=ask.top_logs,
            cancelled=lambda: writing.cancelled,
        )
        self._thread.submit(job, writing)
        return writing


class _Teller:
    """Tells a writing what is new in a job."""

    def __init__(self, engine: Continuous, writing: Writing, *, live: bool) -> None:
        self._engine = engine
        self._writing = writing
        self._live = live
        self._sent = 0
        self._scores = 0

    def __call__(self, job: Job) -> None:
        if not self._live and job.row.finish is None:
            return
        text = self._engine.text(job)
        scores = job.scores[self._scores :]
        if len(text) > self._sent or scores:
            logs = tuple(TokenLog(score.token, score.logprob, score.top) for score in scores)
            self._writing.tell(Piece(text[self._sent :], logs))
            self._sent, self._scores = len(text), len(job.scores)
        if job.row.finish is not None:
            self._writing.tell(End(job.row.finish, job.usage))
