"""POST /v1/embeddings: texts to vectors."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray

from metier.serving.gate.traces import PROVIDER
from metier.serving.gate.wire import EmbeddingRequest
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.tracing import span
from metier.types import Json, Usage

router = APIRouter(route_class=Admitting)


@router.post("/v1/embeddings")
@needs("embeddings", "embed")
async def embeddings(body: EmbeddingRequest, request: Request) -> Response:
    """Texts to unit vectors."""
    visit = visit_of(request)
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
        future = visit.gateway.batcher.submit(("embed", id(embedder)), texts, embed)
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
