"""Finds what each sentence of an answer rests on, from the texts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import pstdev
from typing import NamedTuple

from metier.origin import quoted_span
from metier.protocols import SupportChecker
from metier.retrieval.grounding.calibrate import calibrated
from metier.retrieval.grounding.claims import Claim, as_claim, is_sentence, parse_claim
from metier.retrieval.grounding.features import compare
from metier.retrieval.grounding.sentences import sentences
from metier.retrieval.grounding.support import TextChecker, log_odds
from metier.types import Chunk, Grounding, GroundingChunk, GroundSettings, Hit, Support

_SOURCE = 1.0
"""Log odds that a standard deviation of the search's score is worth when it is decided which
passage is cited. On PubMedQA's training part it takes wrong abstracts from 9.0 % of the citations
to 2.9 %. Whether a claim is supported at all is the checker's word alone: where a passage stands in
the search says what it is about, not whether the claim is true."""


class Grounded(NamedTuple):
    """An answer after the check, and what it rests on."""

    text: str
    """As it was, or without its unsupported sentences; "" when none is left."""
    grounding: Grounding


def ground(
    question: str,
    answer: str,
    *,
    hits: Sequence[Hit],
    checker: SupportChecker | None = None,
    settings: GroundSettings | None = None,
) -> Grounded:
    """Check every sentence of the answer against every passage; cite where it is said.

    ``checker`` is ``TextChecker`` unless another is given. A short answer is checked as the answer
    to its question. What the model or a passage says about
    sources counts for nothing: a passage is cited for what it says on the matter alone.
    """
    settings, checker = settings or GroundSettings(), checker or TextChecker()
    segments = _segments(question, answer)
    scores = _scores(segments, hits, checker)
    likely = _likely_sources(hits)
    supports = tuple(
        _support(segment, row, likely=likely, hits=hits, settings=settings)
        for segment, row in zip(segments, scores, strict=True)
    )
    chunks = tuple(_shown(hit) for hit in _sources(hits))
    if settings.policy == "drop":
        answer, supports = _without_unsupported(answer, supports)
    elif settings.policy == "keep":
        supports = tuple(one for one in supports if one.verdict == "supported")
    return Grounded(answer, Grounding((question,) if question else (), chunks, supports))


@dataclass(frozen=True, slots=True)
class _Segment:
    start: int
    end: int
    claim: str


def _segments(question: str, answer: str) -> list[_Segment]:
    """Sentences of the answer; a short answer is one segment, read behind its question."""
    whole = answer.strip()
    if not whole:
        return []
    start = answer.index(whole)
    bounds = [(start, start + len(whole))]
    if is_sentence(whole):
        bounds = sentences(answer)
    return [_Segment(a, b, as_claim(question, answer[a:b])) for a, b in bounds]


def _scores(
    segments: Sequence[_Segment], hits: Sequence[Hit], checker: SupportChecker
) -> list[list[float]]:
    """For each segment, how sure the checker is of each passage."""
    pairs = [(segment.claim, hit.chunk.text) for segment in segments for hit in hits]
    flat = checker.support(pairs) if pairs else []
    width = len(hits)
    return [flat[place * width : (place + 1) * width] for place in range(len(segments))]


def _likely_sources(hits: Sequence[Hit]) -> list[float]:
    """For each hit how far its score is below the best, in log odds; 0 where all are alike."""
    scores = [hit.score for hit in hits]
    spread = pstdev(scores) if scores else 0.0
    if not spread:
        return [0.0 for _ in scores]
    return [_SOURCE * (score - max(scores)) / spread for score in scores]


def _support(
    segment: _Segment,
    scores: Sequence[float],
    *,
    likely: Sequence[float],
    hits: Sequence[Hit],
    settings: GroundSettings,
) -> Support:
    order = sorted(range(len(scores)), key=lambda place: -log_odds(scores[place]) - likely[place])
    # Where the likeliest source does not say it, another that seems to is a chance likeness.
    said = bool(order) and scores[order[0]] >= settings.threshold
    cited = [place for place in order if said and scores[place] >= settings.threshold]
    cited = cited[: settings.citations]
    if not cited:
        sure = calibrated(max(scores, default=0.0), settings.calibration)
        return Support(segment.start, segment.end, (), sure, verdict="unsupported")
    claim = parse_claim(segment.claim)
    places = [
        one
        for place in cited
        for one in _places(hits, place, *_said_at(claim, hits[place].chunk.text))
    ]
    return Support(
        start=segment.start,
        end=segment.end,
        chunks=tuple(one.source for one in places),
        confidence=calibrated(scores[cited[0]], settings.calibration),
        quotes=tuple(quoted_span(one.chunk, one.start, one.end) for one in places),
        words=tuple(one.chunk.text[one.start : one.end] for one in places),
        verdict="supported",
    )


class _Place(NamedTuple):
    """Where a source says it."""

    source: int
    """Place in ``_sources``."""
    chunk: Chunk
    start: int
    end: int


def _sources(hits: Sequence[Hit]) -> list[Hit]:
    """What can be cited: each hit in its place, then the older versions that any tells of.

    A hit that tells a change is put together; in its place stands its newest version.
    """
    newest = [hit.versions[-1] if hit.versions else hit for hit in hits]
    return [*newest, *(older for hit in hits for older in hit.versions[:-1])]


def _places(hits: Sequence[Hit], place: int, start: int, end: int) -> list[_Place]:
    """The source of ``text[start:end]`` of a hit; all its versions where that tells a change.

    The sentence that tells it stands in none of them, so each is quoted as it reads itself.
    """
    hit = hits[place]
    if not hit.versions:
        return [_Place(place, hit.chunk, start, end)]
    *older, newest = (version.chunk for version in hit.versions)
    told = len(hit.chunk.text) - len(newest.text)
    if start >= told:
        return [_Place(place, newest, start - told, end - told)]
    first = len(hits) + sum(len(one.versions[:-1]) for one in hits[:place])
    return [
        *(_Place(first + number, chunk, 0, len(chunk.text)) for number, chunk in enumerate(older)),
        _Place(place, newest, 0, len(newest.text)),
    ]


def _said_at(claim: Claim, passage: str) -> tuple[int, int]:
    """The statement's own words where the passage has them, else the sentence that says it."""
    found = compare(claim, passage)
    quote = found.quote
    if claim.kind == "statement" and quote is not None and quote.kind != "fuzzy":
        return quote.start, quote.end
    return found.start, found.end


def _shown(hit: Hit) -> GroundingChunk:
    chunk = hit.chunk
    return GroundingChunk(chunk.id, chunk.text, chunk.source, chunk.title, hit.uri, hit.tier)


def _without_unsupported(
    answer: str, supports: Sequence[Support]
) -> tuple[str, tuple[Support, ...]]:
    """The answer's supported sentences with the blanks behind them, and their new places."""
    text = ""
    kept: list[Support] = []
    for place, support in enumerate(supports):
        if support.verdict != "supported":
            continue
        last = place + 1 == len(supports)
        until = len(answer) if last else supports[place + 1].start
        start = len(text)
        kept.append(replace(support, start=start, end=start + support.end - support.start))
        text += answer[support.start : until]
    return text.rstrip(), tuple(kept)
