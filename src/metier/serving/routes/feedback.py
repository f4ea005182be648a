"""/v1/feedback: what people think of answers, kept and told."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.gate.gateway import Visit, request_id
from metier.serving.gate.wire import FeedbackRequest
from metier.serving.records.redaction import redacted
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of

router = APIRouter(route_class=Admitting)


@router.post("/v1/feedback")
@needs("feedback", "feedback")
async def feedback(body: FeedbackRequest, request: Request) -> Response:
    """Keep what a person thinks of an answer; it is on the disk before the 200."""
    visit = visit_of(request)
    if body.thumb is None and not body.correction and not body.comment:
        raise Refusal(400, "give a thumb, a correction or a comment", param="thumb")
    kept = await asyncio.to_thread(_keep, visit, body)
    return JSONResponse(
        {"object": "feedback", "id": kept, "response_id": body.response_id},
        headers=visit.headers,
    )


def _keep(visit: Visit, body: FeedbackRequest) -> int:
    book, caller = visit.gateway.book, visit.caller
    response = request_id(body.response_id)
    found = book.request(response, caller.tenant)
    if found is None:
        raise Refusal(
            404,
            f"no response {body.response_id!r} is known",
            code="not_found",
            param="response_id",
        )
    texts = {"correction": body.correction, "comment": body.comment}
    given = {name: text and redacted(text) for name, text in texts.items()}
    return book.add_feedback(response, caller.tenant, caller.key, {"thumb": body.thumb, **given})


@router.get("/v1/feedback")
@needs("feedback", "history", logged=False)
async def all_feedback(request: Request) -> Response:
    """What was thought of the answers of the caller's tenant, the oldest first."""
    visit = visit_of(request)
    rows = await asyncio.to_thread(visit.gateway.book.feedback, visit.caller.tenant)
    return JSONResponse({"object": "list", "data": rows}, headers=visit.headers)
