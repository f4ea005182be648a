"""Past requests: found by their words, looked at, run again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from metier.serving.gate.gateway import Visit, request_id
from metier.serving.gate.wire import ChatRequest, CompletionRequest, ResponsesRequest, RunAgain
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.serving.routes.chat import chat_completions
from metier.serving.routes.completions import completions
from metier.serving.routes.replies import accounted
from metier.serving.routes.responses import responses
from metier.types import Json

router = APIRouter(route_class=Admitting)


@router.get("/v1/history")
@needs("history", "history", logged=False)
async def history(request: Request, search: str = "", limit: int = 50) -> Response:
    """The caller's tenant's past requests, the newest first; ``search`` begins words."""
    visit = visit_of(request)
    if not 1 <= limit <= 1000:
        raise Refusal(400, "limit is 1 to 1000", param="limit")
    rows = await asyncio.to_thread(
        lambda: visit.gateway.book.history(visit.caller.tenant, search, limit=limit)
    )
    return JSONResponse({"object": "list", "data": rows}, headers=visit.headers)


@router.get("/v1/history/{id}")
@needs("history", "history", logged=False)
async def past(id: str, request: Request) -> Response:
    """One past request, whole."""
    visit = visit_of(request)
    row = await asyncio.to_thread(_row, visit, id)
    row["body"] = row["body"] and json.loads(row["body"])
    return JSONResponse(row, headers=visit.headers)


@router.post("/v1/history/{id}/run")
@needs("history", "history", logged=False)
async def run_again(id: str, body: RunAgain, request: Request) -> Response:
    """Ask the same once more, of another model if told; the answer is a new request of its own.

    It is asked as the log has it: with personal data replaced.
    """
    row = await asyncio.to_thread(_row, visit_of(request), id)
    if row["body"] is None:
        raise Refusal(400, f"the text of {id!r} was not kept; serve with --keep-texts")
    asked: Json = json.loads(row["body"])
    changes = {"model": body.model, "temperature": body.temperature, "seed": body.seed}
    asked |= {name: value for name, value in changes.items() if value is not None}
    asked["stream"] = bool(body.stream)
    shape, answer = _ROUTES[row["route"]]
    visit = visit_of(request).gateway.admit(row["route"], "ask", request.headers)
    request.state.visit = visit
    async with accounted(visit):
        response = await answer(shape.model_validate(asked), request)
    response.headers["x-metier-run-of"] = row["id"]
    return response


_ROUTES: dict[str, tuple[type[BaseModel], Callable[..., Awaitable[Response]]]] = {
    "chat": (ChatRequest, chat_completions),
    "completions": (CompletionRequest, completions),
    "responses": (ResponsesRequest, responses),
}


def _row(visit: Visit, id: str) -> dict[str, Json]:
    """By its id, or by that of the response."""
    row: dict[str, Json] | None = visit.gateway.book.request(request_id(id), visit.caller.tenant)
    if row is None:
        raise Refusal(404, f"no request {id!r} is known", code="not_found", param="id")
    return row
