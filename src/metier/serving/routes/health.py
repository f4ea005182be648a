"""How the server is: GET /healthz, GET /metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.errors import StorageError
from metier.serving.gate.access import METRICS
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, open_to_all, visit_of
from metier.serving.routes.replies import gateway_of
from metier.types import Json

router = APIRouter(route_class=Admitting)


@router.get("/healthz")
@open_to_all
async def healthz(request: Request) -> Response:
    """Whether the server takes requests: 503 while an engine is being started again.

    Which engines there are is told to whoever may read the metrics.
    """
    engines = gateway_of(request).engines
    well = all(engine.ready for engine in engines)
    told: dict[str, Json] = {"status": _state(ready=well)}
    if _reads_metrics(request):
        told["engines"] = {engine.name: _state(ready=engine.ready) for engine in engines}
    return JSONResponse(told, 200 if well else 503)


def _state(*, ready: bool) -> str:
    return "ok" if ready else "starting"


def _reads_metrics(request: Request) -> bool:
    """Whoever cannot be told apart from a stranger is one: health is told also without a book."""
    try:
        caller = gateway_of(request).access.caller(request.headers)
    except (Refusal, StorageError):
        return False
    return caller.may(METRICS)


@router.get("/metrics")
@needs("metrics", METRICS, logged=False)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    gateway = visit_of(request).gateway
    for engine in gateway.engines:
        gateway.metrics.engine(engine.name, engine.counts, engine.restarts)
    return Response(gateway.metrics.text(), media_type="text/plain; version=0.0.4")
