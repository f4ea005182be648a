"""Writes a grounding as Gemini's ``groundingMetadata``, so that viewers of that shape fit."""

from __future__ import annotations

from metier.retrieval.grounding.links import page_link
from metier.types import Grounding, GroundingChunk, Json, Support


def as_gemini(text: str, grounding: Grounding) -> dict[str, Json]:
    """The answer's grounding as JSON with Gemini's names.

    Offsets are bytes of the answer in UTF-8, from the inclusive start to the exclusive end, as
    Gemini's reference defines them (``Segment``). Segments that were checked and that nothing
    supports stand beside its supports, as ``unsupportedSegments``: in that shape a segment without
    a chunk has no meaning. No chunk at all says that nothing was found.
    """
    return {
        "webSearchQueries": list(grounding.queries),
        "groundingChunks": [_chunk(chunk) for chunk in grounding.chunks],
        "groundingSupports": [
            _support(text, support) for support in grounding.supports if support.chunks
        ],
        "unsupportedSegments": [
            {"segment": _segment(text, support), "confidence": support.confidence}
            for support in grounding.supports
            if support.verdict == "unsupported"
        ],
    }


def _chunk(chunk: GroundingChunk) -> Json:
    shown: dict[str, Json] = {
        "title": chunk.title,
        "uri": page_link(chunk.uri, chunk.span.page),
        "text": chunk.text,
    }
    if chunk.span.page is not None:
        # The field's place in Gemini's shape: ragChunk.pageSpan, with both ends inclusive.
        pages = {"firstPage": chunk.span.page, "lastPage": chunk.span.page}
        shown["ragChunk"] = {"text": chunk.text, "pageSpan": pages}
    return {"retrievedContext": shown}


def _support(text: str, support: Support) -> Json:
    return {
        "segment": _segment(text, support),
        "groundingChunkIndices": list(support.chunks),
        "confidenceScores": [support.confidence] * len(support.chunks),
    }


def _segment(text: str, support: Support) -> Json:
    return {
        "partIndex": 0,
        "startIndex": _bytes(text[: support.start]),
        "endIndex": _bytes(text[: support.end]),
        "text": text[support.start : support.end],
    }


def _bytes(text: str) -> int:
    # A lone half of a pair cannot be encoded; sent on, it would be replaced by three bytes as well.
    return len(text.encode("utf-8", "surrogatepass"))
