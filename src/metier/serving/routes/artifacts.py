"""GET /v1/artifacts/ID: a file that a tool made, for the tenant on whose behalf."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.gate.gateway import request_id
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of

router = APIRouter(route_class=Admitting)

_SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What a browser may show; HTML and SVG could run scripts in the server's name."""


@router.get("/v1/artifacts/{id}")
@needs("artifacts", "ask")
async def artifact(id: str, request: Request) -> Response:
    """The file's content."""
    visit = visit_of(request)
    toolbox = visit.gateway.toolbox
    shelf = toolbox.shelf if toolbox else None
    found = shelf.get(id, visit.caller.tenant) if shelf else None
    if found is None:
        raise Refusal(404, f"there is no artifact {id!r} here")
    place = "inline" if found.media_type in _SHOWN else "attachment"
    return Response(
        found.content,
        media_type=found.media_type,
        headers={
            **visit.headers,
            "Content-Disposition": f"{place}; filename*=UTF-8''{quote(found.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
        },
    )


@router.get("/v1/steps/{id}")
@needs("steps", "history")
async def steps(id: str, request: Request) -> Response:
    """The calls of tools that one of the caller's requests made, from the log."""
    visit = visit_of(request)
    toolbox = visit.gateway.toolbox
    shelf = toolbox.shelf if toolbox else None
    rows = shelf.steps(request_id(id), visit.caller.tenant) if shelf else []
    if not rows:
        raise Refusal(404, f"there are no steps of {id!r} here")
    return JSONResponse({"object": "list", "data": rows}, headers=visit.headers)
