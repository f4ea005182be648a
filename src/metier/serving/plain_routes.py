"""The routes that answer at once: models, embeddings, feedback, health, metrics."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray

from metier.serving.auto import NAME, described
from metier.serving.catalogue import Entry
from metier.serving.gateway import Gateway
from metier.serving.refusal import Refusal
from metier.serving.routing import accounted, gateway_of
from metier.serving.traces import PROVIDER
from metier.serving.wire import EmbeddingRequest, FeedbackRequest
from metier.tracing import span
from metier.types import Json, Usage

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


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
    """Texts to unit vectors."""
    gateway = gateway_of(request)
    visit = gateway.admit("embeddings", "embed", request.headers)
    async with accounted(visit):
        embedder = visit.entry(body.model).embedder
        if embedder is None:
            raise Refusal(400, f"{body.model!r} writes; it gives no vectors", param="model")
        texts = [body.input] if isinstance(body.input, str) else body.input
        if not all(text.strip() for text in texts):
            raise Refusal(400, "input takes texts that are not empty", param="input")

        def embed(batch: Sequence[Sequence[str]]) -> list[tuple[NDArray[np.float32], int]]:
            vectors = embedder.embed([text for texts in batch for text in texts])
            parts = np.split(vectors, np.cumsum([len(texts) for texts in batch])[:-1])
            counts = [sum(map(embedder.count_tokens, texts)) for texts in batch]
            return list(zip(parts, counts, strict=True))

        named = {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": PROVIDER}
        with span(f"embeddings {body.model}", {**named, "gen_ai.request.model": body.model}):
            future = gateway.batcher.submit(("embed", body.model), texts, embed)
            vectors, read = await asyncio.wrap_future(future)
        visit.usage = Usage(read)
        return JSONResponse(_embedded(body, vectors, visit.usage), headers=visit.headers)


def _embedded(body: EmbeddingRequest, vectors: NDArray[np.float32], usage: Usage) -> Json:
    if body.dimensions is not None:
        if body.dimensions > vectors.shape[1]:
            raise Refusal(
                400, f"{body.model!r} has {vectors.shape[1]} dimensions", param="dimensions"
            )
        vectors = vectors[:, : body.dimensions]
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    rows: list[Json] = [
        base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode()
        if body.encoding_format == "base64"
        else [float(number) for number in row]
        for row in vectors
    ]
    return {
        "object": "list",
        "model": body.model,
        "data": [
            {"object": "embedding", "index": place, "embedding": row}
            for place, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens},
    }


@router.post("/v1/feedback")
async def feedback(body: FeedbackRequest, request: Request) -> Response:
    """Keep what a person thinks of an answer; it is on the disk before the 200."""
    gateway = gateway_of(request)
    visit = gateway.admit("feedback", "feedback", request.headers)
    async with accounted(visit):
        if body.thumb is None and not body.correction and not body.comment:
            raise Refusal(400, "give a thumb, a correction or a comment", param="thumb")
        kept = await asyncio.to_thread(_keep, gateway, visit.caller.tenant, visit.caller.key, body)
        return JSONResponse(
            {"object": "feedback", "id": kept, "response_id": body.response_id},
            headers=visit.headers,
        )


def _keep(gateway: Gateway, tenant: str, key: str, body: FeedbackRequest) -> int:
    response = body.response_id.replace("_", "-").rpartition("-")[2]
    found = gateway.book.request(response, tenant)
    if found is None:
        raise Refusal(
            404,
            f"no response {body.response_id!r} is known",
            code="not_found",
            param="response_id",
        )
    return gateway.book.add_feedback(response, tenant, key, body.model_dump())


@router.get("/healthz")
async def healthz(request: Request) -> Response:
    """Whether the server takes requests: 503 while an engine is being started again."""
    engines = {engine.name: engine.ready for engine in gateway_of(request).engines}
    told = {name: "ok" if ready else "starting" for name, ready in engines.items()}
    well = all(engines.values())
    return JSONResponse(
        {"status": "ok" if well else "starting", "engines": told}, 200 if well else 503
    )


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    gateway = gateway_of(request)
    gateway.admit("metrics", "metrics", request.headers)
    for engine in gateway.engines:
        gateway.metrics.engine(engine.name, engine.counts, engine.restarts)
    return Response(gateway.metrics.text(), media_type="text/plain; version=0.0.4")
