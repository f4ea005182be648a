"""Passages and questions of the retrieval benchmark, from people's own questions."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from metier.corpus.chunk import Chunking, chunk_bounds
from metier.types import Chunk, Json, Passage, Span


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the documents that answer it."""

    question: str
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class Set:
    """What is searched, and what is asked of it."""

    passages: list[Passage]
    asked: list[Asked]
    dev: list[Asked]
    """Looked at while methods were chosen; not in the figures."""


def squad(data: Path, language: str, questions_in: str = "") -> Set:
    """240 paragraphs and 1,190 questions, of which none is a dev question."""
    rows = _lines(data / "general_squad" / f"squad_{language}.jsonl.gz")
    others = rows
    if questions_in:
        others = _lines(data / "general_squad" / f"squad_{questions_in}.jsonl.gz")
    titles = {row["context"]: row["title"].replace("_", " ") for row in rows}
    ids = {context: str(number) for number, context in enumerate(titles)}
    passages = [_passage(ids[context], context, title) for context, title in titles.items()]
    asked = [
        Asked(other["question"], frozenset([ids[row["context"]]]))
        for row, other in zip(rows, others, strict=True)
    ]
    return Set(passages, asked, [])


def medquad(data: Path, questions: int, answers: int) -> Set:
    """The first of 12,110 shuffled answers, cut at 1,500 characters, under their pages' titles.

    Every answer to a question of the same words is right. The first 500 of the shuffled rows, and
    2,500 drawn from those after the first 1,500, were looked at while methods and weights were
    chosen; the figures are about ``questions`` of the others.
    """
    rows = _lines(data / "med_medquad" / "qa.jsonl.gz")
    random.Random(0).shuffle(rows)
    rows = rows[:answers]
    right: dict[str, set[str]] = {}
    for number, row in enumerate(rows):
        right.setdefault(row["question"], set()).add(str(number))
    passages = [
        _passage(str(number), row["answer"][:1500], row["focus"]) for number, row in enumerate(rows)
    ]
    asked = [Asked(row["question"], frozenset(right[row["question"]])) for row in rows]
    seen = {one.question for one in asked[:500]}
    fresh = [one for one in asked[500:] if one.question not in seen]
    fresh, later = fresh[:1000], fresh[1000:]
    asked_before = {one.question for one in fresh}
    drawn = list({one.question: one for one in later if one.question not in asked_before}.values())
    random.Random(1).shuffle(drawn)
    fresh += drawn[2500:]
    return Set(passages, fresh[:questions], asked[:500] + drawn[:2500])


def scotus(data: Path) -> Set:
    """Opinions of the Court, first 12,000 characters; asked for by the syllabus's holding.

    The syllabus is the Reporter of Decisions' own summary: a person's words about the opinion,
    which is searched without it. The question is the first 40 words after "Held:".
    """
    csv.field_size_limit(10**9)
    path = data / "legal_scotus" / "opinions_raw.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    holdings = {}
    for row in rows:
        if row["part"] == "syllabus" and "Held:" in row["text"]:
            words = _plain(row["text"].partition("Held:")[2]).split()
            holdings[row["term"], row["case"]] = " ".join(words[:40])
    passages: list[Passage] = []
    asked = []
    for row in rows:
        holding = holdings.get((row["term"], row["case"]))
        if row["part"] == "the Court" and holding:
            passages += _chunks(row["id"], row["text"][:12_000], row["case"])
            asked.append(Asked(holding, frozenset([row["id"]])))
    return Set(passages, asked, [])


def _lines(path: Path) -> list[dict[str, Json]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _passage(id: str, text: str, title: str) -> Passage:
    return Passage(Chunk(f"{id}#0", text, 0, len(text), Span(id, 0, len(text)), title))


def _chunks(id: str, text: str, title: str) -> Iterator[Passage]:
    for number, (start, end) in enumerate(chunk_bounds(text, Chunking())):
        span = Span(id, start, end)
        yield Passage(Chunk(f"{id}#{number}", text[start:end], start, end, span, title))


def _plain(text: str) -> str:
    """Without the marks of page and numbering that a person would not say."""
    return re.sub(r"\s+", " ", re.sub(r"\x0c|\b\d\.\s|\(a\)|\bPp?\. [\d–-]+\.", " ", text))
