"""Prompts by name: listed, added, and put into requests."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.answering.turns import last_text, text_of
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import ChatMessage, ChatRequest, NewPrompt, ResponsesRequest
from metier.serving.records.gallery import Gallery, Prompt, as_json
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of

router = APIRouter(route_class=Admitting)
Asking = TypeVar("Asking", ChatRequest, ResponsesRequest)


@router.get("/v1/prompts")
@needs("prompts", "ask", logged=False)
async def prompts(request: Request) -> Response:
    """Every version of every prompt that the caller may use."""
    visit = visit_of(request)
    found = await asyncio.to_thread(Gallery(visit.gateway.book).all, visit.caller.tenant)
    data = [as_json(prompt) for prompt in found]
    return JSONResponse({"object": "list", "data": data}, headers=visit.headers)


@router.get("/v1/prompts/{name}")
@needs("prompts", "ask", logged=False)
async def prompt(name: str, request: Request, version: str | None = None) -> Response:
    """One version of a prompt, the newest unless told."""
    visit = visit_of(request)
    found = await asyncio.to_thread(_found, visit, name, version)
    return JSONResponse(as_json(found), headers=visit.headers)


@router.post("/v1/prompts")
@needs("prompts", "prompts")
async def add_prompt(body: NewPrompt, request: Request) -> Response:
    """Add a prompt of the caller's tenant, or the next version of one."""
    visit = visit_of(request)
    book = visit.gateway.book
    messages = tuple({"role": one.role, "content": text_of(one.content)} for one in body.messages)
    new = Prompt(body.name, 0, messages, tuple(body.enum or ()), (), visit.caller.tenant)
    added = await asyncio.to_thread(Gallery(book).add, new)
    book.audit(visit.caller.key, "add prompt", f"{added.name} {added.version}")
    return JSONResponse(as_json(added), headers=visit.headers)


def filled(body: ChatRequest, visit: Visit) -> ChatRequest:
    """The request with the messages of the prompt that it names before its own.

    The log keeps the request as it came, with the version that was the newest, so that running it
    again asks the same.
    """
    body, messages = _looked_up(body, visit)
    visit.body = body.model_dump(exclude_none=True, by_alias=True)
    changes: dict[str, object] = {"messages": [*messages, *body.messages]}
    full = body.model_copy(update=changes)
    visit.asked = last_text(full.messages)
    return full


def opening(body: ResponsesRequest, visit: Visit) -> tuple[ResponsesRequest, list[ChatMessage]]:
    """The same for a response: the request to log, and the prompt's messages."""
    body, messages = _looked_up(body, visit)
    visit.body = body.model_dump(exclude_none=True, by_alias=True)
    return body, messages


def _looked_up(body: Asking, visit: Visit) -> tuple[Asking, list[ChatMessage]]:
    if body.prompt is None:
        return body, []
    found = _found(visit, body.prompt.id, body.prompt.version)
    named = body.prompt.model_copy(update={"version": str(found.version)})
    messages = found.filled(body.prompt.variables or {})
    choices = list(found.enum) or None if body.enum is None else body.enum
    pinned = body.model_copy(update={"prompt": named, "enum": choices})
    return pinned, [ChatMessage.model_validate(message) for message in messages]


def _found(visit: Visit, name: str, version: str | None) -> Prompt:
    found = Gallery(visit.gateway.book).get(name, visit.caller.tenant, version)
    if found is None:
        which = name if version is None else f"{name}, version {version}"
        raise Refusal(
            404,
            f"there is no prompt {which} here; GET /v1/prompts lists them",
            code="not_found",
            param="prompt",
        )
    return found
