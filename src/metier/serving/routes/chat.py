"""POST /v1/chat/completions."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.answering.choice import posed
from metier.serving.answering.thinking import think
from metier.serving.answering.turns import Turn, message_of
from metier.serving.engines.reading import Written, total
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.engines.writing import Ask, End, Piece, TokenLog, Writer
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import ChatRequest
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.serving.routes.prompts import filled
from metier.serving.routes.replies import streamed, usage_json, whole
from metier.types import Json

router = APIRouter(route_class=Admitting)
_JSON = json.JSONEncoder(ensure_ascii=False).encode
_HERE = "\0"
"""No model name and no request id holds it."""


@router.post("/v1/chat/completions")
@needs("chat", "ask")
async def chat_completions(body: ChatRequest, request: Request) -> Response:
    """Answer a conversation."""
    visit = visit_of(request)
    return await _answer(filled(body, visit), request, visit)


async def _answer(body: ChatRequest, request: Request, visit: Visit) -> Response:
    writer, turn = await posed(body, visit)
    if body.logprobs and not writer.logs:
        raise Refusal(400, f"{body.model!r} cannot tell log probabilities", param="logprobs")
    if body.thinking:
        _check_thinking(body, visit, writer)
    asks = _asks(body, turn, visit)
    if body.stream:
        return await streamed(request, visit, writer, asks, _Chunks(body, turn, visit))
    extra: dict[str, Json] = {"routing": visit.routing} if visit.routing else {}
    if body.thinking and not (visit.routing and isinstance(writer, SpecialistWriter)):
        thought = await think(body.thinking, asks[0], partial(whole, request, visit, writer))
        drafts, visit.usage, extra["thinking"] = [thought.written], thought.usage, thought.told
        visit.said = thought.written.text
    else:
        drafts = await whole(request, visit, writer, asks)
        visit.usage = total([draft.end for draft in drafts])
    return JSONResponse(
        {
            "id": f"chatcmpl-{visit.id}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": visit.model,
            "choices": [
                _choice(place, draft, turn, logs=bool(body.logprobs))
                for place, draft in enumerate(drafts)
            ],
            "usage": usage_json(visit.usage),
            **extra,
        },
        headers=visit.headers,
    )


def _check_thinking(body: ChatRequest, visit: Visit, writer: Writer) -> None:
    """``auto`` may come to a specialist, which then answers as ever."""
    if isinstance(writer, SpecialistWriter) and not visit.routing:
        raise Refusal(400, f"{body.model!r} always answers the same", param="thinking")
    for name in ("stream", "tools", "plan", "logprobs"):
        if getattr(body, name):
            raise Refusal(400, f"thinking goes without {name}; leave one out", param=name)
    if (body.n or 1) > 1:
        raise Refusal(400, "thinking gives one answer; leave n out", param="n")


def _asks(body: ChatRequest, turn: Turn, visit: Visit) -> list[Ask]:
    return [
        Ask(
            turn.conversation,
            replace(turn.config, seed=turn.config.seed + place),
            visit.caller.tenant,
            (body.top_logprobs or 0) if body.logprobs else None,
            bool(body.stream),
            body.as_of,
        )
        for place in range(body.n or 1)
    ]


def _choice(place: int, draft: Written, turn: Turn, *, logs: bool) -> Json:
    message = {"role": "assistant", "refusal": None, **_message(draft, turn)}
    return {
        "index": place,
        "message": message,
        "logprobs": {"content": _logs(draft.logs), "refusal": None} if logs else None,
        "finish_reason": _finish(draft.end, message),
    }


def _message(draft: Written, turn: Turn) -> dict[str, Json]:
    return {**message_of(draft, turn), **(draft.end.extras if draft.end else {})}


def _finish(end: End | None, message: dict[str, Json]) -> str:
    if message.get("tool_calls"):
        return "tool_calls"
    return end.finish if end else "stop"


def _logs(logs: Sequence[TokenLog]) -> list[Json]:
    return [
        {
            **_log(log.token, log.logprob),
            "top_logprobs": [_log(token, logprob) for token, logprob in log.top],
        }
        for log in logs
    ]


def _log(token: str, logprob: float) -> dict[str, Json]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


@dataclass
class _Chunks:
    """The pieces of a stream as chunks of the chat API."""

    body: ChatRequest
    turn: Turn
    visit: Visit
    _drafts: dict[int, Written] = field(default_factory=dict)
    _created: int = field(default_factory=lambda: int(time.time()))
    _around: dict[int, tuple[str, str]] = field(default_factory=dict)
    """What is before and after the text in a chunk with nothing else, which most are."""

    @property
    def text(self) -> str:
        """Of the first answer."""
        return self._drafts[0].text if 0 in self._drafts else ""

    def begin(self) -> list[str]:
        """Whose turn it is."""
        role = {"role": "assistant", "content": ""}
        return [self._chunk(place, role) for place in range(self.body.n or 1)]

    def take(self, place: int, event: Piece | End) -> list[str]:
        """A piece, or what is told at an answer's end."""
        draft = self._drafts.setdefault(place, Written())
        draft.add(event)
        if isinstance(event, End):
            return self._last(place, draft)
        if event.extras:
            return [self._chunk(place, dict(event.extras))]
        if self.turn.read is not None:  # calls are only known whole
            return []
        if self.body.logprobs:
            return [self._chunk(place, {"content": event.text}, logs=event.logs)]
        if place not in self._around:
            before, _, after = self._chunk(place, {"content": _HERE}).partition(_JSON(_HERE))
            self._around[place] = before, after
        before, after = self._around[place]
        return [f"{before}{_JSON(event.text)}{after}"]

    def end(self) -> list[str]:
        """The usage, for clients that ask for it."""
        self.visit.usage = total([draft.end for draft in self._drafts.values()])
        if self.body.stream_options and self.body.stream_options.include_usage:
            return [self._envelope([], usage_json(self.visit.usage))]
        return []

    def _last(self, place: int, draft: Written) -> list[str]:
        message: dict[str, Json] = dict(draft.end.extras) if draft.end else {}
        if self.turn.read is not None:
            message |= message_of(draft, self.turn)
            if message.get("tool_calls"):
                message["tool_calls"] = [
                    {"index": index, **call} for index, call in enumerate(message["tool_calls"])
                ]
        chunks = [self._chunk(place, message)] if message else []
        return [*chunks, self._chunk(place, {}, finish=_finish(draft.end, message))]

    def _chunk(
        self,
        place: int,
        delta: dict[str, Json],
        *,
        logs: Sequence[TokenLog] = (),
        finish: str | None = None,
    ) -> str:
        told = {"content": _logs(logs)} if self.body.logprobs else None
        choice = {"index": place, "delta": delta, "logprobs": told, "finish_reason": finish}
        return self._envelope([choice], None)

    def _envelope(self, choices: list[Json], usage: Json) -> str:
        chunk = {
            "id": f"chatcmpl-{self.visit.id}",
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.visit.model,
            "choices": choices,
        }
        if self.visit.routing:
            chunk["routing"] = self.visit.routing
        if self.body.stream_options and self.body.stream_options.include_usage:
            chunk["usage"] = usage
        return _JSON(chunk)
