"""How the server is: GET /healthz, GET /metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from metier.serving.routes.admission import Admitting, needs, open_to_all, visit_of
from metier.serving.routes.replies import gateway_of

router = APIRouter(route_class=Admitting)


@router.get("/healthz")
@open_to_all
async def healthz(request: Request) -> Response:
    """Whether the server takes requests: 503 while an engine is being started again."""
    engines = {engine.name: engine.ready for engine in gateway_of(request).engines}
    told = {name: "ok" if ready else "starting" for name, ready in engines.items()}
    well = all(engines.values())
    return JSONResponse(
        {"status": "ok" if well else "starting", "engines": told}, 200 if well else 503
    )


@router.get("/metrics")
@needs("metrics", "metrics", logged=False)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    gateway = visit_of(request).gateway
    for engine in gateway.engines:
        gateway.metrics.engine(engine.name, engine.counts, engine.restarts)
    return Response(gateway.metrics.text(), media_type="text/plain; version=0.0.4")
