"""POST /v1/completions: plain text goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.answering.turns import sampling
from metier.serving.engines.reading import Written, total
from metier.serving.engines.writing import Ask, End, Piece, TokenLog
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import CompletionRequest
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.serving.routes.replies import streamed, usage_json, whole
from metier.types import Json, Usage

router = APIRouter(route_class=Admitting)
DEFAULT_TOKENS = 16
"""As OpenAI has it."""


@router.post("/v1/completions")
@needs("completions", "ask")
async def completions(body: CompletionRequest, request: Request) -> Response:
    """Continue plain text, without a chat template where the engine knows one."""
    visit = visit_of(request)
    visit.asked = body.prompt if isinstance(body.prompt, str) else "\n".join(body.prompt)
    visit.body = body.model_dump(exclude_none=True)
    writer = visit.writer(body.model)
    if body.echo:
        raise Refusal(400, "echo is not offered", param="echo")
    if body.logprobs is not None and not writer.logs:
        raise Refusal(400, f"{body.model!r} cannot tell log probabilities", param="logprobs")
    asks = _asks(body, visit)
    if body.stream:
        return await streamed(request, visit, writer, asks, _Chunks(body, visit))
    drafts = await whole(request, visit, writer, asks)
    visit.usage = _usage(body, [draft.end for draft in drafts])
    content = _envelope(visit, body, [_choice(*pair) for pair in enumerate(drafts)])
    content["usage"] = usage_json(visit.usage)
    return JSONResponse(content, headers=visit.headers)


def _asks(body: CompletionRequest, visit: Visit) -> list[Ask]:
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    if not prompts or not all(prompts):
        raise Refusal(400, "prompt takes texts that are not empty", param="prompt")
    count = body.n or 1
    if len(prompts) * count > 128:
        raise Refusal(400, "at most 128 answers in one request", param="prompt")
    config = sampling(body, body.max_tokens or DEFAULT_TOKENS)
    return [
        Ask(
            prompt,
            replace(config, seed=config.seed + place),
            visit.caller.tenant,
            body.logprobs,
            bool(body.stream),
            body.as_of,
        )
        for prompt in prompts
        for place in range(count)
    ]


def _usage(body: CompletionRequest, ends: Sequence[End | None]) -> Usage:
    """Of all prompts, each of which counts once for its answers."""
    count = body.n or 1
    starts = range(0, len(ends), count)
    return sum((total(ends[start : start + count]) for start in starts), Usage())


def _choice(place: int, draft: Written) -> Json:
    logs = _logs(draft.logs, 0)
    finish = draft.end.finish if draft.end else "stop"
    return {"index": place, "text": draft.text, "logprobs": logs, "finish_reason": finish}


def _logs(logs: Sequence[TokenLog], offset: int) -> Json:
    """Of tokens the first of which begins at ``offset`` of the answer; None where none are told."""
    if not logs:
        return None
    lengths = [len(log.token) for log in logs[:-1]]
    return {
        "tokens": [log.token for log in logs],
        "token_logprobs": [log.logprob for log in logs],
        "top_logprobs": [dict(log.top) for log in logs],
        "text_offset": list(accumulate(lengths, initial=offset)),
    }


def _envelope(visit: Visit, body: CompletionRequest, choices: list[Json]) -> dict[str, Json]:
    return {
        "id": f"cmpl-{visit.id}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": body.model,
        "choices": choices,
    }


@dataclass
class _Chunks:
    body: CompletionRequest
    visit: Visit
    text: str = ""
    _ends: dict[int, End] = field(default_factory=dict)
    _offsets: dict[int, int] = field(default_factory=dict)
    """Where the next token of each answer begins."""

    def begin(self) -> list[str]:
        """Nothing."""
        return []

    def take(self, place: int, event: Piece | End) -> list[str]:
        """A piece, or why an answer ended."""
        choice: Json = {"index": place, "text": "", "logprobs": None, "finish_reason": None}
        if isinstance(event, Piece):
            self.text += event.text if place == 0 else ""
            choice["text"] = event.text
            offset = self._offsets.get(place, 0)
            choice["logprobs"] = _logs(event.logs, offset)
            self._offsets[place] = offset + sum(len(log.token) for log in event.logs)
        else:
            self._ends[place] = event
            choice["finish_reason"] = event.finish
        return [json.dumps(_envelope(self.visit, self.body, [choice]), ensure_ascii=False)]

    def end(self) -> list[str]:
        """The usage, for clients that ask for it."""
        self.visit.usage = _usage(self.body, [end for _, end in sorted(self._ends.items())])
        if not self.body.stream_options or not self.body.stream_options.include_usage:
            return []
        last = _envelope(self.visit, self.body, [])
        return [json.dumps({**last, "usage": usage_json(self.visit.usage)})]
