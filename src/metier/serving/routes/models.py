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
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.types import Json

router = APIRouter(route_class=Admitting)


@router.get("/v1/models")
@needs("models", None, logged=False)
async def models(request: Request) -> Response:
    """Every model that the caller may ask."""
    visit = visit_of(request)
    entries = visit.gateway.catalogue.of(visit.caller.tenant)
    return JSONResponse({"object": "list", "data": [_described(entry) for entry in entries]})


@router.get("/v1/models/{name:path}")
@needs("models", None, logged=False)
async def model(name: str, request: Request) -> Response:
    """One model."""
    visit = visit_of(request)
    auto, tenant = visit.gateway.auto, visit.caller.tenant
    told = _described(visit.gateway.catalogue.get(name, tenant))
    router = auto.router(tenant) if auto and name == NAME else None
    return JSONResponse(told if router is None else {**told, "routing": described(router)})


@router.post("/v1/models")
@needs("models", OPERATOR)
async def add_model(body: NewModel, request: Request) -> Response:
    """Serve one more model; the answer comes when it can be asked."""
    visit, changes = _operated(request)
    entry = await changes.add(Target(body.id, body.tenant, body.place))
    visit.gateway.book.audit(visit.caller.key, "add model", f"{entry.name} = {body.place}")
    return JSONResponse(_described(entry), headers=visit.headers)


@router.delete("/v1/models/{name:path}")
@needs("models", OPERATOR)
async def remove_model(name: str, request: Request, tenant: str | None = None) -> Response:
    """Serve a model no longer; ``tenant`` tells whose, where several have one of this name."""
    visit, changes = _operated(request)
    await changes.remove(name, tenant)
    visit.gateway.book.audit(visit.caller.key, "remove model", name)
    told = {"id": name, "object": "model", "deleted": True}
    return JSONResponse(told, headers=visit.headers)


def _operated(request: Request) -> tuple[Visit, Changes]:
    visit = visit_of(request)
    if visit.gateway.changes is None:
        raise Refusal(404, "this server's models do not change while it runs")
    return visit, visit.gateway.changes


def _described(entry: Entry) -> Json:
    return {
        "id": entry.name,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.tenant or "metier",
        "kind": entry.kind,
    }
