"""POST /v1/responses: OpenAI's newer shape of the same, text in and text out."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.answering.choice import posed
from metier.serving.answering.turns import Turn, last_text, message_of
from metier.serving.engines.reading import Written
from metier.serving.engines.writing import Ask, End, Piece
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import ResponsesRequest
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.serving.routes.prompts import opening
from metier.serving.routes.replies import streamed, whole
from metier.serving.routes.response_input import as_chat
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
    chat = as_chat(body, opened)
    visit.asked = last_text(chat.messages)
    writer, turn = await posed(chat, visit)
    tenant, live = visit.caller.tenant, bool(body.stream)
    ask = Ask(turn.conversation, turn.config, tenant, None, live, body.as_of)
    if body.stream:
        return await streamed(request, visit, writer, [ask], _Events(body, visit, turn))
    drafts = await whole(request, visit, writer, [ask])
    if drafts[0].end:
        visit.usage = drafts[0].end.usage
    return JSONResponse(_response(body, visit, turn, drafts[0]), headers=visit.headers)


def _response(
    body: ResponsesRequest, visit: Visit, turn: Turn, draft: Written | None
) -> dict[str, Json]:
    """The response object; without a draft, as it is when a stream begins."""
    cut = draft is not None and draft.end is not None and draft.end.finish == "length"
    done = "incomplete" if cut else "completed"
    usage = visit.usage
    told = body.model_dump(exclude_none=True)
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
        "output": [] if draft is None else _items(visit, turn, draft),
        "parallel_tool_calls": False,
        "temperature": body.temperature,
        "tool_choice": told.get("tool_choice", "auto" if body.tools else "none"),
        "tools": told.get("tools", []),
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


def _items(visit: Visit, turn: Turn, draft: Written) -> list[Json]:
    """What was said, or the functions that are asked for."""
    said = message_of(draft, turn)
    extras = draft.end.extras if draft.end else {}
    called = [
        {
            "id": f"fc_{visit.id}_{place}",
            "type": "function_call",
            "status": "completed",
            "call_id": call["id"],
            **call["function"],
            **extras,
        }
        for place, call in enumerate(said.get("tool_calls") or ())
    ]
    return called or [_item(visit, [_part(str(said.get("content") or ""))], **extras)]


def _item(visit: Visit, content: list[Json], **extras: Json) -> dict[str, Json]:
    return {
        "id": f"msg_{visit.id}",
        "type": "message",
        "role": "assistant",
        "status": "completed" if content else "in_progress",
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
    turn: Turn
    _draft: Written = field(default_factory=Written)
    _number: int = -1

    @property
    def text(self) -> str:
        """All of it."""
        return self._draft.text

    def begin(self) -> list[str]:
        """What there is before a word is known."""
        beginning = _response(self.body, self.visit, self.turn, None)
        return [
            self._event("response.created", response=beginning),
            self._event("response.in_progress", response=beginning),
            *(self._opened() if self.turn.read is None else ()),
        ]

    def take(self, place: int, event: Piece | End) -> list[str]:
        """A piece; the end is told with all else at the end, and calls are only known whole."""
        self._draft.add(event)
        if isinstance(event, End) or self.turn.read is not None:
            return []
        return [self._delta(event.text)]

    def end(self) -> list[str]:
        """Every part again, whole."""
        draft = self._draft
        self.visit.usage = draft.end.usage if draft.end else self.visit.usage
        ended = _response(self.body, self.visit, self.turn, draft)
        told = [
            text
            for place, item in enumerate(ended["output"])
            for text in (
                self._said(item) if item["type"] == "message" else self._called(place, item)
            )
        ]
        return [*told, self._event(f"response.{ended['status']}", response=ended)]

    def _opened(self) -> list[str]:
        item = _item(self.visit, [])
        return [
            self._event("response.output_item.added", output_index=0, item=item),
            self._event("response.content_part.added", **self._place, part=_part("")),
        ]

    def _delta(self, text: str) -> str:
        told = {"delta": text, "logprobs": []}
        return self._event("response.output_text.delta", **self._place, **told)

    def _said(self, item: Json) -> list[str]:
        part = item["content"][0]
        late = [] if self.turn.read is None else [*self._opened(), self._delta(part["text"])]
        said = {"text": part["text"], "logprobs": []}
        return [
            *late,
            self._event("response.output_text.done", **self._place, **said),
            self._event("response.content_part.done", **self._place, part=part),
            self._event("response.output_item.done", output_index=0, item=item),
        ]

    def _called(self, place: int, item: Json) -> list[str]:
        begun = {**item, "status": "in_progress", "arguments": ""}
        where = {"item_id": item["id"], "output_index": place}
        arguments = item["arguments"]
        step = "response.function_call_arguments"
        return [
            self._event("response.output_item.added", output_index=place, item=begun),
            self._event(f"{step}.delta", **where, delta=arguments),
            self._event(f"{step}.done", **where, name=item["name"], arguments=arguments),
            self._event("response.output_item.done", output_index=place, item=item),
        ]

    @property
    def _place(self) -> dict[str, Json]:
        return {"item_id": f"msg_{self.visit.id}", "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: Json) -> str:
        self._number += 1
        return json.dumps({"type": kind, "sequence_number": self._number, **fields})
