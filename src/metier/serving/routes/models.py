"""GET /v1/models: what may be asked for."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.catalogue.auto import NAME, described
from metier.serving.catalogue.entries import Entry
from metier.serving.routes.replies import gateway_of
from metier.types import Json

router = APIRouter()


@router.get("/v1/models")
async def models(request: Request) -> Response:
    """Every model that the caller may ask."""
    gateway = gateway_of(request)
    caller = gateway.access.caller(request.headers.get("authorization"))
    entries = gateway.catalogue.of(caller.tenant)
    return JSONResponse({"object": "list", "data": [_described(entry) for entry in entries]})


@router.get("/v1/models/{name:path}")
async def model(name: str, request: Request) -> Response:
    """One model."""
    gateway = gateway_of(request)
    caller = gateway.access.caller(request.headers.get("authorization"))
    told = _described(gateway.catalogue.get(name, caller.tenant))
    router = gateway.auto.router(caller.tenant) if gateway.auto and name == NAME else None
    return JSONResponse(told if router is None else {**told, "routing": described(router)})


def _described(entry: Entry) -> Json:
    return {
        "id": entry.name,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.tenant or "metier",
        "kind": entry.kind,
    }
