"""How a route gives its answer: whole or as a stream, stopping the work when the client leaves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar

from fastapi import Request
from fastapi.responses import Response
from sse_starlette.sse import AppStatus, EventSourceResponse

from metier.serving.engines.reading import Events, Written, collect, merged
from metier.serving.engines.writing import Ask, End, Piece, Writer
from metier.serving.gate.gateway import Gateway, Visit
from metier.serving.refusal import Refusal, refusal_of
from metier.serving.routes.generation_span import GenerationSpan
from metier.types import Json, Usage

STALLED = 60
"""Seconds in which a reader takes nothing, after which its answer is given up."""
AppStatus.enable_automatic_graceful_drain = False  # it cuts streams that uvicorn lets finish


Wanted = TypeVar("Wanted")


class Chunks(Protocol):
    """Turns the events of answers into the JSON texts of a stream."""

    @property
    def text(self) -> str:
        """What was said so far; for the log."""
        ...

    def begin(self) -> list[str]:
        """What comes before the first event."""
        ...

    def take(self, place: int, event: Piece | End) -> list[str]:
        """An event of the answer at this place."""
        ...

    def end(self) -> list[str]:
        """What comes when all answers are whole."""
        ...


def gateway_of(request: Request) -> Gateway:
    """The server that this request came to."""
    gateway: Gateway = request.app.state.gateway
    return gateway


@asynccontextmanager
async def accounted(visit: Visit) -> AsyncIterator[None]:
    """Account for a request when its answer is made, or when it is refused."""
    try:
        yield
    except Exception as error:
        refusal = refusal_of(error)
        refusal.headers = {**visit.headers, **refusal.headers}
        await visit.break_off(refusal.status)
        raise refusal from error
    if not visit.streaming:
        await visit.account(200)


async def whole(
    request: Request, visit: Visit, writer: Writer, asks: Sequence[Ask]
) -> list[Written]:
    """All answers to their end; work stops when the client hangs up meanwhile."""
    told = GenerationSpan(visit, asks)
    with told.current():
        writings = visit.start(writer, asks)
    try:
        written = await while_there(request, asyncio.gather(*map(collect, writings)))
    except BaseException as error:
        told.end([], error)
        raise
    finally:
        for writing in writings:
            writing.cancel()
    told.end([one.end for one in written])
    visit.said = written[0].text if written else ""
    return written


async def streamed(
    request: Request, visit: Visit, writer: Writer, asks: Sequence[Ask], chunks: Chunks
) -> Response:
    """Server-sent events; what fails before the first of them still becomes a proper status."""
    told = GenerationSpan(visit, asks)
    with told.current():
        events = merged(visit.start(writer, asks))
    try:
        first = await while_there(request, anext(events))
    except BaseException as error:
        told.end([], error)
        await events.aclose()
        raise
    visit.first = time.perf_counter() - visit.started
    visit.streaming = True
    stream = _stream(visit, _told(first, events, told), chunks)
    return EventSourceResponse(
        stream, ping=15, sep="\n", headers=visit.headers, send_timeout=STALLED
    )


async def _told(
    first: list[tuple[int, Piece | End]], events: Events, told: GenerationSpan
) -> Events:
    """All events; at the end of the stream, or when its reader leaves, the trace has what came."""
    ends: list[End] = []
    known: list[tuple[int, Piece | End]] | None = first
    try:
        async with aclosing(events):
            while known is not None:
                ends += [event for _, event in known if isinstance(event, End)]
                yield known
                known = await anext(events, None)
    except BaseException as error:
        told.end(ends, error)
        raise
    told.end(ends)


async def _stream(visit: Visit, events: Events, chunks: Chunks) -> AsyncIterator[bytes]:
    """One write for all that is known: a write costs more than what is written."""
    status = 499
    texts = chunks.begin()
    try:
        async with aclosing(events):
            async for known in events:
                texts += [text for pair in known for text in chunks.take(*pair)]
                if isinstance(known[-1][1], End):
                    continue  # the last words go out with what closes the stream
                yield _sent(texts)
                texts = []
        last = _sent([*texts, *chunks.end(), "[DONE]"])
        visit.said, status = chunks.text, 200
        await visit.account(status)  # before its reader can ask for it
        yield last
    except Exception as error:
        refusal = refusal_of(error)
        status = refusal.status
        yield _sent([*texts, json.dumps(refusal.body())])
    finally:
        if status != 200:
            visit.said = chunks.text
            await visit.break_off(status)


def _sent(texts: Sequence[str]) -> bytes:
    return "".join(f"data: {text}\n\n" for text in texts).encode()


async def while_there(request: Request, wanted: Awaitable[Wanted]) -> Wanted:
    """What is waited for; ``Refusal`` 499 where the client hangs up before."""
    work = asyncio.ensure_future(wanted)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Refusal(499, "the client went away")
        return await work
    finally:
        gone.cancel()
        work.cancel()
        # Nobody else would ask what became of it.
        await asyncio.gather(work, return_exceptions=True)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def usage_json(usage: Usage) -> Json:
    """Usage in the chat API's words."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
