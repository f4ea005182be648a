"""What all routes share: admitting a request, finding its model, accounting for it."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metier.corpus.edits import apply_edits, first_draft, in_order
from metier.corpus.steps.personal import PersonalData
from metier.errors import DataError, EndpointError, MetierError
from metier.serving.access import Access, Caller
from metier.serving.batcher import Batcher
from metier.serving.book import Book, Served
from metier.serving.catalogue import Catalogue, Entry
from metier.serving.engine import EngineProcess
from metier.serving.metrics import Metrics
from metier.serving.refusal import Refusal
from metier.serving.toolbox import Toolbox
from metier.serving.upstream import Upstream
from metier.serving.writing import Ask, End, Piece, TokenLog, Writer, Writing
from metier.tracing import span
from metier.types import Document, Json, Usage

if TYPE_CHECKING:
    from metier.serving.auto import Auto
    from metier.serving.traces import Tracing

_log = logging.getLogger("metier.serving")


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of one running server."""

    catalogue: Catalogue
    book: Book
    access: Access
    batcher: Batcher
    engines: tuple[EngineProcess | Upstream, ...] = ()
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
                body=json.dumps(_redacted_texts(self.body)) if keep and self.body else None,
            )
        )


@dataclass(slots=True)
class Written:
    """One whole answer."""

    text: str = ""
    logs: list[TokenLog] = field(default_factory=list)
    end: End | None = None


async def collect(writing: Writing) -> Written:
    """Read an answer to its end."""
    whole = Written()
    async with aclosing(writing.events()) as events:
        async for event in events:
            if isinstance(event, End):
                whole.end = event
            else:
                whole.text += event.text
                whole.logs += event.logs
    return whole


def start_all(writer: Writer, asks: Sequence[Ask]) -> list[Writing]:
    """Begin several answers; none is left running when one is refused."""
    begun: list[Writing] = []
    try:
        for ask in asks:
            begun.append(writer.start(ask))
    except BaseException:
        for writing in begun:
            writing.cancelled = True
        raise
    return begun


def merged(writings: Sequence[Writing]) -> AsyncGenerator[tuple[int, Piece | End]]:
    """The events of several answers as they come, each with the place of its answer."""
    return _alone(writings[0]) if len(writings) == 1 else _several(writings)


async def _alone(writing: Writing) -> AsyncGenerator[tuple[int, Piece | End]]:
    """The usual case, with no queue more."""
    async with aclosing(writing.events()) as events:
        async for event in events:
            yield 0, event


async def _several(writings: Sequence[Writing]) -> AsyncGenerator[tuple[int, Piece | End]]:
    import asyncio

    queue: asyncio.Queue[tuple[int, Piece | End | BaseException]] = asyncio.Queue()

    async def pump(place: int, writing: Writing) -> None:
        try:
            async with aclosing(writing.events()) as events:
                async for event in events:
                    queue.put_nowait((place, event))
        except Exception as error:
            queue.put_nowait((place, error))

    tasks = [asyncio.ensure_future(pump(*pair)) for pair in enumerate(writings)]
    open_answers = len(tasks)
    try:
        while open_answers:
            place, told = await queue.get()
            if isinstance(told, BaseException):
                raise told
            open_answers -= isinstance(told, End)
            yield place, told
    finally:
        for task, writing in zip(tasks, writings, strict=True):
            writing.cancelled = True
            task.cancel()


def total(ends: Sequence[End | None]) -> Usage:
    """The usage of several answers to one prompt: the prompt counts once."""
    known = [end.usage for end in ends if end is not None]
    if not known:
        return Usage()
    wrote = sum(usage.completion_tokens for usage in known)
    return Usage(known[0].prompt_tokens, wrote, known[0].cached_tokens)


def refusal_of(error: BaseException) -> Refusal:
    """Any error as an answer; what nobody foresaw is logged here and told without its insides."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DataError):
        return Refusal(400, str(error))
    if isinstance(error, EndpointError):
        return Refusal(503, str(error), headers={"Retry-After": "5"})
    if isinstance(error, MetierError):
        _log.error("request failed", exc_info=error)
        return Refusal(503, f"the server cannot do this now: {type(error).__name__}")
    _log.error("request failed", exc_info=error)
    return Refusal(500, "the server failed; its log says why")


def redacted(text: str) -> str:
    """The text without e-mail addresses, phone and card numbers, and the like."""
    draft = first_draft(Document("", text))
    return apply_edits(draft, in_order(text, PersonalData().edits(draft))).text


def _redacted_texts(body: Json) -> Json:
    """All that people wrote in a request, redacted; settings and schemas stay."""
    written = ("messages", "input", "instructions", "prompt")
    return {key: _within(part) if key in written else part for key, part in body.items()}


def _within(part: Json) -> Json:
    if isinstance(part, str):
        return redacted(part)
    if isinstance(part, list):
        return [_within(one) for one in part]
    return {key: _within(one) for key, one in part.items()} if isinstance(part, dict) else part


def usage_json(usage: Usage) -> Json:
    """Usage in the chat API's words."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
