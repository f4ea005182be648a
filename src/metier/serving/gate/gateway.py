"""What all routes share: admitting a request, finding its model, accounting for it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metier.serving.catalogue.auto import Auto
from metier.serving.catalogue.changes import Changes
from metier.serving.catalogue.entries import Catalogue, Entry
from metier.serving.catalogue.toolbox import Toolbox
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.process import EngineProcess
from metier.serving.engines.upstream import Upstream
from metier.serving.engines.writing import Writer
from metier.serving.gate.access import Access, Caller
from metier.serving.gate.metrics import Metrics
from metier.serving.records.book import Book, Served
from metier.serving.records.redaction import redacted, redacted_texts
from metier.serving.refusal import Refusal
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

    def admit(self, route: str, scope: str, headers: Mapping[str, str]) -> Visit:
        """Begin a request; ``Refusal`` for wrong keys, missing scopes and spent limits."""
        with span("admit", {"metier.scope": scope}):
            caller = self.access.caller(headers.get("authorization"))
            limits = self.access.admit(caller, scope)
        return Visit(self, route, caller, dict(limits))

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


@dataclass(slots=True)
class Visit:
    """One admitted request."""

    gateway: Gateway
    route: str
    caller: Caller
    headers: dict[str, str]
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

    def close(self, status: int) -> None:
        """Account for it, whatever became of it."""
        seconds = time.perf_counter() - self.started
        keep = self.gateway.keep_texts
        self.gateway.metrics.count(
            self.route, self.model, status, seconds, first=self.first, usage=self.usage
        )
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
