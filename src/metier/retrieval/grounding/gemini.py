"""Writes a grounding as Gemini's ``groundingMetadata``, so that viewers of that shape fit."""

from __future__ import annotations

from collections.abc import Sequence

from metier.retrieval.grounding.links import page_link
from metier.types import Grounding, GroundingChunk, Json, Span, Support


def as_gemini(text: str, grounding: Grounding) -> dict[str, Json]:
    """The answer's grounding as JSON with Gemini's names.

    Offsets are bytes of the answer in UTF-8, from the inclusive start to the exclusive end, as
    Gemini's reference defines them (``Segment``). Segments that were checked and that nothing
    supports stand beside its supports, as ``unsupportedSegments``: in that shape a segment without
    a chunk has no meaning. No chunk at all says that nothing was found. A support's ``quotes``,
    one for each of its chunks, lead to the words that say it; a chunk has its ``tier``.
    """
    quoted = _quoted_pages(grounding)
    shown: dict[str, Json] = {
        "webSearchQueries": list(grounding.queries),
        "groundingChunks": [
            _chunk(chunk, quoted.get(place, [])) for place, chunk in enumerate(grounding.chunks)
        ],
        "groundingSupports": [
            _support(text, support, grounding.chunks)
            for support in grounding.supports
            if support.chunks
        ],
        "unsupportedSegments": [
            {"segment": _segment(text, support), "confidence": support.confidence}
            for support in grounding.supports
            if support.verdict == "unsupported"
        ],
    }
    if grounding.need is not None:
        shown["retrievalMetadata"] = {"googleSearchDynamicRetrievalScore": grounding.need}
    return shown


def _quoted_pages(grounding: Grounding) -> dict[int, list[int]]:
    """For each chunk that is cited, the pages of its quotes in the order of the answer."""
    pages: dict[int, list[int]] = {}
    for support in grounding.supports:
        for place, quote in zip(support.chunks, support.quotes, strict=False):
            if quote.page is not None:
                pages.setdefault(place, []).append(quote.page)
    return pages


def _chunk(chunk: GroundingChunk, quoted: list[int]) -> Json:
    """The link opens the page that is quoted first, for a passage may begin pages before it."""
    first = chunk.span.page
    shown: dict[str, Json] = {
        "title": chunk.title,
        "uri": page_link(chunk.uri, quoted[0] if quoted else first),
        "text": chunk.text,
    }
    if chunk.tier:
        shown["tier"] = chunk.tier
    if first is not None:
        # The field's place in Gemini's shape: ragChunk.pageSpan, with both ends inclusive.
        pages = {"firstPage": first, "lastPage": max([first, *quoted])}
        shown["ragChunk"] = {"text": chunk.text, "pageSpan": pages}
    return {"retrievedContext": shown}


def _support(text: str, support: Support, chunks: Sequence[GroundingChunk]) -> Json:
    cited = zip(support.chunks, support.quotes, support.words, strict=False)
    return {
        "segment": _segment(text, support),
        "groundingChunkIndices": list(support.chunks),
        "confidenceScores": [support.confidence] * len(support.chunks),
        "quotes": [_quote(chunks[place], span, words) for place, span, words in cited],
    }


def _quote(chunk: GroundingChunk, span: Span, words: str) -> Json:
    """The words and their place in the source: characters there, and page and box where paged."""
    shown: dict[str, Json] = {
        "text": words,
        "document": span.document,
        "startIndex": span.start,
        "endIndex": span.end,
        "uri": page_link(chunk.uri, span.page),
    }
    if span.page is not None:
        shown["page"] = span.page
    if span.box is not None:
        shown["box"] = list(span.box)
    return shown


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
