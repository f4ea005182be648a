"""POST /v1/embeddings: texts to vectors."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray

from metier.protocols import Embedder
from metier.serving.gate.traces import PROVIDER
from metier.serving.gate.wire import EmbeddingRequest
from metier.serving.refusal import Refusal
from metier.serving.routes.admission import Admitting, needs, visit_of
from metier.serving.routes.replies import while_there
from metier.tracing import span
from metier.types import Json, Usage

router = APIRouter(route_class=Admitting)
PART = 20_000
"""Letters that are read at once: the embedded embedder takes less than a second for them."""


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

    wanted = _Wanted(texts)
    named = {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": PROVIDER}
    try:
        with span(f"embeddings {body.model}", {**named, "gen_ai.request.model": body.model}):
            future = visit.gateway.batcher.submit(
                ("embed", id(embedder)), wanted, partial(_embed, embedder)
            )
            vectors = await while_there(request, asyncio.wrap_future(future))
    finally:
        wanted.cancelled = True
        visit.usage = Usage(wanted.read)
    return JSONResponse(_embedded(body, vectors, visit.usage), headers=visit.headers)


@dataclass(slots=True)
class _Wanted:
    """The texts of one request."""

    texts: Sequence[str]
    read: int = 0
    """Tokens so far."""
    cancelled: bool = False
    """Whether nobody waits for the vectors any more."""


def _embed(embedder: Embedder, batch: Sequence[_Wanted]) -> list[NDArray[np.float32]]:
    """Vectors for each request, made part by part: what is cancelled ends with its part."""
    made: list[dict[int, NDArray[np.float32]]] = [{} for _ in batch]
    for part in _parts(batch):
        live = [row for row in part if not batch[row.request].cancelled]
        for row in live:
            batch[row.request].read += embedder.count_tokens(row.text)
        vectors = embedder.embed([row.text for row in live]) if live else ()
        for row, vector in zip(live, vectors, strict=True):
            made[row.request][row.place] = vector
    return [np.array([vectors[place] for place in sorted(vectors)]) for vectors in made]


class _Row(NamedTuple):
    """A text, the number of its request in the batch, and its place there."""

    text: str
    request: int
    place: int


def _parts(batch: Sequence[_Wanted]) -> Iterator[list[_Row]]:
    """All texts, those of one length together, so many at once as have ``PART`` letters."""
    rows = [
        _Row(text, request, place)
        for request, wanted in enumerate(batch)
        for place, text in enumerate(wanted.texts)
    ]
    part: list[_Row] = []
    letters = 0
    for row in sorted(rows, key=lambda row: len(row.text)):
        if part and letters + len(row.text) > PART:
            yield part
            part, letters = [], 0
        part.append(row)
        letters += len(row.text)
    yield part


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
