"""/v1/models: what may be asked for, and changes to it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.catalogue.auto import NAME, described
from metier.serving.catalogue.changes import Changes
from metier.serving.catalogue.entries import Entry, Target
from metier.serving.gate.access import OPERATOR
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import NewModel
from metier.serving.refusal import Refusal
from metier.serving.routes.replies import accounted, gateway_of
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


@router.post("/v1/models")
async def add_model(body: NewModel, request: Request) -> Response:
    """Serve one more model; the answer comes when it can be asked."""
    visit, changes = _operated(request)
    async with accounted(visit):
        entry = await changes.add(Target(body.id, body.tenant, body.place))
        visit.gateway.book.audit(visit.caller.key, "add model", f"{entry.name} = {body.place}")
        return JSONResponse(_described(entry), headers=visit.headers)


@router.delete("/v1/models/{name:path}")
async def remove_model(name: str, request: Request) -> Response:
    """Serve a model no longer."""
    visit, changes = _operated(request)
    async with accounted(visit):
        await changes.remove(name)
        visit.gateway.book.audit(visit.caller.key, "remove model", name)
        told = {"id": name, "object": "model", "deleted": True}
        return JSONResponse(told, headers=visit.headers)


def _operated(request: Request) -> tuple[Visit, Changes]:
    gateway = gateway_of(request)
    visit = gateway.admit("models", OPERATOR, request.headers)
    if gateway.changes is None:
        raise Refusal(404, "this server's models do not change while it runs")
    return visit, gateway.changes


def _described(entry: Entry) -> Json:
    return {
        "id": entry.name,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.tenant or "metier",
        "kind": entry.kind,
    }
