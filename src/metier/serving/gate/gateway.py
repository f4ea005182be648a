"""What all routes share: admitting a request, finding its model, accounting for it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from metier.serving.catalogue.auto import Auto
from metier.serving.catalogue.changes import Changes
from metier.serving.catalogue.entries import Catalogue, Entry
from metier.serving.catalogue.toolbox import Toolbox
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.process import EngineProcess
from metier.serving.engines.reading import cost, start_all
from metier.serving.engines.upstream import Upstream
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.engines.writing import Ask, Writer, Writing
from metier.serving.gate.access import Access, Caller
from metier.serving.gate.metrics import Metrics
from metier.serving.records.book import Book, Served
from metier.serving.records.redaction import redacted, redacted_texts
from metier.serving.refusal import Refusal, refusal_of
from metier.tracing import span
from metier.types import Json, Usage

if TYPE_CHECKING:
    from metier.serving.gate.traces import Tracing


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of one running server."""

    catalogue: Catalogue
    book: Book
    access: Access
    batcher: Batcher
    engines: Sequence[EngineProcess | Upstream] = ()
    """Those that run beside the server; more where a model comes that needs one."""
    changes: Changes | None = None
    """Adds and removes models; None where that is not offered."""
    metrics: Metrics = field(default_factory=Metrics)
    keep_texts: bool = False
    """Whether the log keeps what was asked and answered, personal data replaced."""
    retention_days: float | None = None
    """How long the log is kept; None for ever."""
    auto: Auto | None = None
    """Routes the questions to the model ``auto``."""
    tracing: Tracing | None = None
    toolbox: Toolbox | None = None
    """What models may call; None for nothing."""
    settling: set[asyncio.Task[None]] = field(default_factory=set)
    """Requests that are yet to be accounted for, such as those that were broken off, whose engines
    have yet to tell what they cost."""

    def admit(
        self, route: str, scope: str | None, headers: Mapping[str, str], *, logged: bool = True
    ) -> Visit:
        """Begin a request; ``Refusal`` for wrong keys, missing scopes and spent limits.

        Refusals count in the metrics. Those of a known key are logged too; strangers could fill
        the disk with theirs.
        """
        visit = Visit(self, route, logged=logged)
        try:
            with span("admit", {"metier.scope": scope or ""}):
                visit.caller = self.access.caller(headers)
                visit.known = True
                if scope is not None:
                    visit.headers |= self.access.admit(visit.caller, scope)
        except Exception as error:
            refusal = refusal_of(error)
            visit.close(refusal.status)
            raise refusal from error
        return visit

    async def settle(self) -> None:
        """Account for what was broken off, as far as it is known in ten seconds."""
        if self.settling:
            _, late = await asyncio.wait(self.settling, timeout=10)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def close(self) -> None:
        """Let the engines finish, then close the book."""
        self.batcher.close()
        for engine in self.engines:
            engine.close()
        if self.toolbox is not None:
            self.toolbox.close()
        self.book.close()
        if self.tracing is not None:
            self.tracing.close()


def request_id(response: str) -> str:
    """A request's own id from that of its response, which has a kind before it."""
    return response.replace("_", "-").rpartition("-")[2]


@dataclass(slots=True)
class Visit:
    """One request, from its admission on."""

    gateway: Gateway
    route: str
    logged: bool = True
    """Whether the log has it when it is answered; it always has what was refused."""
    caller: Caller = field(default_factory=Caller)
    known: bool = False
    """Whether the caller is no stranger."""
    headers: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    model: str = ""
    routing: Json = None
    """How the router came to the model, where it was asked."""
    started: float = field(default_factory=time.perf_counter)
    usage: Usage = field(default_factory=Usage)
    first: float | None = None
    """Seconds to the first piece."""
    asked: str = ""
    body: Json = None
    """The request as it can be sent again."""
    said: str = ""
    streaming: bool = False
    """Whether the answer goes on after its route returned; then the stream accounts for it."""
    begun: list[tuple[Ask, Writing]] = field(default_factory=list)
    """Every answer that an engine was asked for."""

    def entry(self, name: str) -> Entry:
        """The model asked for, which the log then names."""
        entry = self.gateway.catalogue.get(name, self.caller.tenant)
        self.model = name
        return entry

    def writer(self, name: str) -> Writer:
        """The same, for routes that write."""
        entry = self.entry(name)
        if entry.writer is None:
            what = "is an embedder and does not write; POST /v1/embeddings"
            if entry.kind == "router":
                what = "is for /v1/chat/completions and /v1/responses"
            raise Refusal(400, f"{name!r} {what}", param="model")
        return entry.writer

    def start(self, writer: Writer, asks: Sequence[Ask]) -> list[Writing]:
        """Begin answers, so that they count also when they are never whole."""
        if not isinstance(writer, SpecialistWriter) and any(ask.as_of is not None for ask in asks):
            raise Refusal(
                400,
                f"{self.model!r} answers from no documents; name a specialist, or leave as_of out",
                param="as_of",
            )
        writings = start_all(writer, asks)
        self.begun += zip(asks, writings, strict=True)
        return writings

    async def break_off(self, status: int) -> None:
        """Account for it, and where answers were begun, as soon as it is known what they cost."""
        for _, writing in self.begun:
            writing.cancel()
        if self.begun:
            self._apart(self._settle(status))
        else:
            await self.account(status)

    async def account(self, status: int) -> None:
        """``close`` it, outside of the event loop where there are texts: finding personal data in
        long ones takes seconds, in which the loop answers others."""
        if self.gateway.keep_texts and self.known:
            await asyncio.shield(self._apart(asyncio.to_thread(self.close, status)))
        else:
            self.close(status)

    def _apart(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Whoever began it may leave before it is done; the server does not."""
        task = asyncio.ensure_future(work)
        self.gateway.settling.add(task)
        task.add_done_callback(self.gateway.settling.discard)
        return task

    async def _settle(self, status: int) -> None:
        try:
            for _, writing in self.begun:
                await writing.over()
        finally:
            self.usage = cost(self.begun)
            await self.account(status)

    def close(self, status: int) -> None:
        """Account for it, whatever became of it."""
        seconds = time.perf_counter() - self.started
        keep = self.gateway.keep_texts
        self.gateway.metrics.count(
            self.route, self.model, status, seconds, first=self.first, usage=self.usage
        )
        if not self.known or not (self.logged or status >= 400):
            return
        self.gateway.book.log(
            Served(
                id=self.id,
                tenant=self.caller.tenant,
                key=self.caller.key,
                model=self.model,
                route=self.route,
                status=status,
                seconds=seconds,
                prompt_tokens=self.usage.prompt_tokens,
                completion_tokens=self.usage.completion_tokens,
                asked=redacted(self.asked) if keep else None,
                answered=redacted(self.said) if keep else None,
                body=json.dumps(redacted_texts(self.body)) if keep and self.body else None,
            )
        )
