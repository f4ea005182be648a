"""POST /v1/responses: OpenAI's newer shape of the same, text in and text out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.answering.choice import choose
from metier.serving.answering.turns import Turn, turn_of
from metier.serving.engines.reading import Written
from metier.serving.engines.writing import Ask, End, Piece
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import (
    ChatMessage,
    ChatRequest,
    JsonSchema,
    ResponseFormat,
    ResponsesRequest,
)
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.serving.routes.prompts import opening
from metier.serving.routes.replies import streamed, whole
from metier.types import Json

router = APIRouter(route_class=Admitting)


@router.post("/v1/responses")
@needs("responses", "ask")
async def responses(body: ResponsesRequest, request: Request) -> Response:
    """Answer an input; nothing is kept for a later request to refer to."""
    visit = visit_of(request)
    body, opened = opening(body, visit)
    if body.previous_response_id is not None:
        raise Refusal(
            400,
            "no conversation is kept here; send its turns as input",
            param="previous_response_id",
        )
    if body.tools:
        raise Refusal(400, "tools are offered by /v1/chat/completions", param="tools")
    chat = _as_chat(body, opened)
    visit.asked = chat.messages[-1].model_dump_json(exclude_none=True) if chat.messages else ""
    turn = turn_of(chat)
    writer = await choose(visit, body.model, turn)
    ask = _ask(turn, visit, live=bool(body.stream))
    if body.stream:
        return await streamed(visit, writer, [ask], _Events(body, visit))
    drafts = await whole(request, visit, writer, [ask])
    if drafts[0].end:
        visit.usage = drafts[0].end.usage
    return JSONResponse(_response(body, visit, drafts[0]), headers=visit.headers)


def _as_chat(body: ResponsesRequest, opened: Sequence[ChatMessage]) -> ChatRequest:
    messages = []
    if body.instructions:
        messages.append(ChatMessage(role="system", content=body.instructions))
    messages += opened
    if isinstance(body.input, str):
        if body.input or not opened:
            messages.append(ChatMessage(role="user", content=body.input))
    else:
        messages += [ChatMessage(role=item.role, content=item.content) for item in body.input]
    form = body.text.format if body.text else None
    bound = None
    if form is not None:
        bound = ResponseFormat(
            type=form.type,
            json_schema=JsonSchema.model_validate({"name": form.name, "schema": form.schema_}),
        )
    return ChatRequest(
        model=body.model,
        messages=messages,
        max_completion_tokens=body.max_output_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        response_format=bound,
    )


def _ask(turn: Turn, visit: Visit, *, live: bool) -> Ask:
    return Ask(turn.conversation, turn.config, visit.caller.tenant, None, live)


def _response(body: ResponsesRequest, visit: Visit, draft: Written | None) -> dict[str, Json]:
    """The response object; without a draft, as it is when a stream begins."""
    cut = draft is not None and draft.end is not None and draft.end.finish == "length"
    done = "incomplete" if cut else "completed"
    usage = visit.usage
    return {
        "id": f"resp_{visit.id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress" if draft is None else done,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": body.instructions,
        "model": visit.model,
        "prompt": body.prompt and body.prompt.model_dump(),
        **({"routing": visit.routing} if visit.routing else {}),
        "output": [] if draft is None else [_item(visit, draft)],
        "parallel_tool_calls": False,
        "temperature": body.temperature,
        "tool_choice": "none",
        "tools": [],
        "top_p": body.top_p,
        "metadata": {},
        "usage": None
        if draft is None
        else {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens},
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
    }


def _item(visit: Visit, draft: Written | None) -> dict[str, Json]:
    content = [] if draft is None else [_part(draft.text)]
    extras = draft.end.extras if draft is not None and draft.end else {}
    return {
        "id": f"msg_{visit.id}",
        "type": "message",
        "role": "assistant",
        "status": "in_progress" if draft is None else "completed",
        "content": content,
        **extras,
    }


def _part(text: str) -> dict[str, Json]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


@dataclass
class _Events:
    """The named events of a streamed response, numbered."""

    body: ResponsesRequest
    visit: Visit
    _draft: Written = field(default_factory=Written)
    _number: int = -1

    @property
    def text(self) -> str:
        """All of it."""
        return self._draft.text

    def begin(self) -> list[str]:
        """What there is before a word is known."""
        beginning = _response(self.body, self.visit, None)
        item = _item(self.visit, None)
        return [
            self._event("response.created", response=beginning),
            self._event("response.in_progress", response=beginning),
            self._event("response.output_item.added", output_index=0, item=item),
            self._event("response.content_part.added", **self._place, part=_part("")),
        ]

    def take(self, place: int, event: Piece | End) -> list[str]:
        """A piece; the end is told with all else at the end."""
        self._draft.add(event)
        if isinstance(event, End):
            return []
        told = {"delta": event.text, "logprobs": []}
        return [self._event("response.output_text.delta", **self._place, **told)]

    def end(self) -> list[str]:
        """Every part again, whole."""
        draft = self._draft
        self.visit.usage = draft.end.usage if draft.end else self.visit.usage
        item = _item(self.visit, draft)
        ended = _response(self.body, self.visit, draft)
        said = {"text": draft.text, "logprobs": []}
        return [
            self._event("response.output_text.done", **self._place, **said),
            self._event("response.content_part.done", **self._place, part=_part(draft.text)),
            self._event("response.output_item.done", output_index=0, item=item),
            self._event(f"response.{ended['status']}", response=ended),
        ]

    @property
    def _place(self) -> dict[str, Json]:
        return {"item_id": f"msg_{self.visit.id}", "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: Json) -> str:
        self._number += 1
        return json.dumps({"type": kind, "sequence_number": self._number, **fields})
