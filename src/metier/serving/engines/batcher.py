"""One thread in front of synchronous engines, which answers waiting calls of one kind together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from metier.serving.refusal import Refusal, busy


@dataclass(frozen=True, slots=True)
class _Call:
    group: Hashable
    item: Any
    answer: Callable[[Sequence[Any]], Sequence[Any]]
    future: Future[Any]
    context: Context
    """The request's, so that its trace goes on in the engine's thread."""


class Batcher:
    """Calls wait while the engine is at work; then all that share a group go in one batch.

    So a lone call waits for nothing, and under load batches grow by themselves: there is no
    time-out to tune. Engines keep state between calls, which is why there is one thread for all.
    """

    def __init__(self, *, most_waiting: int = 256, most_rows: int = 64) -> None:
        self._most_waiting = most_waiting
        self._most_rows = most_rows
        self._calls: deque[_Call] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="metier-batcher", daemon=True)
        self._thread.start()

    def submit(
        self, group: Hashable, item: Any, answer: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> Future[Any]:
        """Queue one item; ``answer`` gets the items of a batch and returns one result for each.

        Cancelling the future before its batch begins takes the item out. Raises ``Refusal`` 429
        when too many calls wait already, 503 once it is closed.
        """
        future: Future[Any] = Future()
        with self._wake:
            if self._closed:
                raise Refusal(503, "the server is ending", headers={"Retry-After": "5"})
            if len(self._calls) >= self._most_waiting:
                self._calls = deque(call for call in self._calls if not call.future.cancelled())
            if len(self._calls) >= self._most_waiting:
                raise busy(2, f"{len(self._calls)} requests wait already; ask again in a moment")
            self._calls.append(_Call(group, item, answer, future, copy_context()))
            self._wake.notify()
        return future

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            live = [call for call in batch if call.future.set_running_or_notify_cancel()]
            if not live:
                continue
            try:
                results = live[0].context.run(live[0].answer, [call.item for call in live])
            except BaseException as error:  # it belongs to whoever asked; the thread goes on
                for call in live:
                    call.future.set_exception(error)
                continue
            for call, result in zip(live, results, strict=True):
                call.future.set_result(result)

    def _next(self) -> list[_Call]:
        """The oldest call with those like it; empty when closed and done."""
        with self._wake:
            self._wake.wait_for(lambda: self._calls or self._closed)
            if not self._calls:
                return []
            group = self._calls[0].group
            batch = [call for call in self._calls if call.group == group][: self._most_rows]
            taken = set(map(id, batch))
            self._calls = deque(call for call in self._calls if id(call) not in taken)
            return batch


class Crowd:
    """For engines behind a network, which batch by themselves: every call at once, in a thread."""

    def __init__(self, *, threads: int = 64, most_waiting: int = 256) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="metier-remote")
        self._room = threading.Semaphore(threads + most_waiting)

    def submit(
        self, group: Hashable, item: Any, answer: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> Future[Any]:
        """Answer one item; ``Refusal`` 429 when too many wait already."""
        if not self._room.acquire(blocking=False):
            raise busy(2, "too many requests wait already; ask again in a moment")
        future = self._threads.submit(copy_context().run, lambda: answer([item])[0])
        future.add_done_callback(lambda done: self._room.release())
        return future
