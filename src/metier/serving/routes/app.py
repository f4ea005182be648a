"""The web application: routes, errors in OpenAI's shape, request ids."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.gate.gateway import Gateway
from metier.serving.gate.traces import Traced
from metier.serving.records.retention import Forget, retained
from metier.serving.refusal import Refusal
from metier.serving.routes import (
    artifacts,
    chat,
    completions,
    embeddings,
    feedback,
    health,
    history,
    models,
    prompts,
    responses,
)
from metier.serving.routes.admission import as_refusal


def make_app(gateway: Gateway) -> FastAPI:
    """The application over a gateway, for uvicorn or a test client."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        forgets: list[Forget] = [gateway.book.forget]
        if gateway.toolbox is not None:
            forgets.append(gateway.toolbox.shelf.forget)
        async with retained(forgets, gateway.retention_days):
            yield
            await gateway.settle()
        gateway.close()

    app = FastAPI(title="metier", lifespan=life, redoc_url=None)
    app.state.gateway = gateway
    for part in _PARTS:
        app.include_router(part.router, responses=_DOCUMENTED)
    app.add_exception_handler(Refusal, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(Exception, _refuse)
    app.add_middleware(_Identified)
    if gateway.tracing is not None:
        app.add_middleware(Traced, tracer=gateway.tracing.tracer)
    return app


_PARTS = (
    *(chat, completions, responses, embeddings, models),
    *(feedback, prompts, history, artifacts, health),
)
_DOCUMENTED: dict[int | str, dict[str, object]] = {
    status: {"description": text}
    for status, text in {
        400: "What was asked cannot be done",
        401: "No key, or a wrong one",
        403: "The key has no such scope",
        404: "No such model or response",
        413: "The body is too large",
        422: "Not used; invalid bodies are 400",
        429: "Too much at once, or the key's limits are spent",
        503: "The engine or the disk does not answer",
    }.items()
}


class _Identified:
    """Every answer carries a request id, the client's own where it sent one.

    Written on the bare protocol: Starlette's own middleware copies every piece of a stream through
    a queue.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        fits = 0 < len(given) <= 128 and given.isascii() and given.isprintable()
        name = given if fits else f"req_{secrets.token_hex(12)}"

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)

        await self._app(scope, receive, named)


async def _refuse(request: Request, error: Exception) -> Response:
    refusal = as_refusal(error)
    return JSONResponse(refusal.body(), status_code=refusal.status, headers=refusal.headers)
