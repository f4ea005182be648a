"""Claims that a passage supports and claims that it does not, made from real documents.

Public benchmarks (``general_*``) are for evaluation only, so nothing here is trained on them: the
weights come from patients' pages (MedQuAD), abstracts (PubMedQA's training part) and entries on
threats (ATT&CK). A question with a short answer is made from a sentence by taking the answer out
and losing or replacing a part of its other words, which is what a reader's own words do.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.retrieval.grounding.claims import as_claim
from metier.retrieval.grounding.reading import Word, read
from metier.retrieval.grounding.sentences import sentences
from metier.types import Json

OPPOSITES = {
    "increased": "decreased", "decreased": "increased", "higher": "lower", "lower": "higher",
    "more": "less", "less": "more", "before": "after", "after": "before", "better": "worse",
    "positive": "negative", "negative": "positive", "increase": "decrease", "larger": "smaller",
    "effective": "ineffective", "associated": "unrelated", "improved": "worsened", "high": "low",
    "low": "high", "always": "never", "early": "late", "significant": "insignificant",
}  # fmt: skip
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)|\(Citation:[^)]*\)|<[^>]+>")


@dataclass(frozen=True, slots=True)
class Item:
    """One claim beside one passage."""

    document: str
    kind: str
    claim: str
    passage: str
    supported: bool


def rows(file: Path) -> list[Json]:
    """The rows of a file of JSON lines, packed or not."""
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def training_items(data: Path, *, seed: int) -> list[Item]:
    """Items for fitting, from documents that no benchmark of grounding asks about."""
    passages = _passages(data)
    draw = random.Random(seed)
    draw.shuffle(passages)
    made: list[Item] = []
    for place, (document, text) in enumerate(passages):
        others = [passages[(place + step) % len(passages)][1] for step in range(1, 40)]
        made += _answers(document, text, others, draw)
        made += _statements(document, text, others[0], draw)
    return made + pubmed_items(rows(data / "med_pubmedqa" / "train.jsonl.gz"), draw)


def pubmed_items(articles: Sequence[Json], draw: random.Random) -> list[Item]:
    """Conclusions beside their own abstract and another one's; questions answered yes and no."""
    made: list[Item] = []
    for article in articles:
        text = " ".join(article["contexts"])
        document, conclusion = f"pubmed-{article['id']}", article["long_answer"]
        other = draw.choice([one for one in articles if one is not article])
        alike = max(
            draw.sample(list(articles), min(60, len(articles))),
            key=lambda one: len(set(one["meshes"]) & set(article["meshes"])) * (one is not article),
        )
        made.append(Item(document, "conclusion", conclusion, text, True))
        made.append(Item(document, "conclusion", other["long_answer"], text, False))
        if alike is not article:
            made.append(Item(document, "conclusion", alike["long_answer"], text, False))
        made += _spoiled(document, "conclusion", conclusion, text, draw)
        if article["answer"] in ("yes", "no"):
            for said in ("yes", "no"):
                claim = as_claim(article["question"], said)
                made.append(Item(document, "polar", claim, text, said == article["answer"]))
    return made


def _passages(data: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for one in rows(data / "med_medquad" / "qa.jsonl.gz"):
        text = " ".join((one["answer"] or "").split())
        if 400 <= len(text) <= 1600:
            found.append((one["doc"], text))
    medical = found[:: max(1, len(found) // 900)][:900]
    threats = []
    for one in rows(data / "cyber_attack" / "entities-v14.0.jsonl.gz"):
        text = " ".join(_LINK.sub(r"\1", one["description"]).split())
        if 400 <= len(text) <= 1600:
            threats.append((one["stix_id"], text))
    abstracts = [
        (f"pubmed-{one['id']}", " ".join(one["contexts"]))
        for one in rows(data / "med_pubmedqa" / "train.jsonl.gz")
    ]
    return medical + threats[:500] + abstracts


def _answers(
    document: str, text: str, others: Sequence[str], draw: random.Random
) -> Iterator[Item]:
    """Two questions a passage: with the right answer, and with answers that are wrong."""
    spans = _spans(text)
    for span in draw.sample(spans, min(2, len(spans))):
        question = _question(text, span, others[0], draw)
        if question is None:
            continue
        rivals = [
            one for one in spans if one.text.lower() != span.text.lower() and one.kind == span.kind
        ]
        strangers = [one for one in spans if one.text.lower() != span.text.lower()]

        def item(
            answer: str, supported: bool, passage: str = text, question: str = question
        ) -> Item:
            return Item(document, "answer", as_claim(question, answer), passage, supported)

        yield item(span.text, True)
        # As many wrong as right, and of the wrong most are hard: of the same kind and passage.
        choice = draw.random()
        where = [one for one in others if re.search(rf"\b{re.escape(span.text)}\b", one)]
        if choice < 0.5 and rivals:
            yield item(draw.choice(rivals).text, False)
        elif choice < 0.75 and strangers:
            yield item(draw.choice(strangers).text, False)
        elif choice < 0.85 or not where:
            elsewhere = _spans(others[1]) or [span]
            yield item(draw.choice(elsewhere).text, False)
        else:
            yield item(span.text, False, where[0])


@dataclass(frozen=True, slots=True)
class _Span:
    text: str
    kind: str
    start: int
    end: int
    sentence: int


def _spans(text: str) -> list[_Span]:
    """What could be a short answer: numbers, names, words; each with the words beside it."""
    reading = read(text, "en")
    found: list[_Span] = []
    words = reading.words
    for place, word in enumerate(words):
        if not word.content or (place and _joined(words[place - 1], word, text)):
            continue
        last = word
        for after in words[place + 1 : place + 4]:
            if not _joined(last, after, text):
                break
            last = after
        kind = "number" if word.number else "name" if word.name else "word"
        found.append(_Span(text[word.start : last.end], kind, word.start, last.end, word.sentence))
    return found


def _joined(one: Word, other: Word, text: str) -> bool:
    same = (bool(one.number), one.name) == (bool(other.number), other.name)
    beside = text[one.end : other.start] == " " and one.sentence == other.sentence
    return beside and other.content and same and one.content


def _question(text: str, span: _Span, other: str, draw: random.Random) -> str | None:
    """The span's sentence as somebody would ask for it: words lost, replaced, brought in."""
    reading = read(text, "en")
    inside = [
        text[word.start : word.end]
        for word in reading.words
        if word.sentence == span.sentence
        and word.content
        and not span.start <= word.start < span.end
    ]
    if len(inside) < 3:
        return None
    kept = [word for word in inside if draw.random() < draw.choice((0.4, 0.6, 0.8))]
    strange = [text for text in re.findall(r"[a-z]{5,}", other)]
    near = [
        text[word.start : word.end]
        for word in reading.words
        if abs(word.sentence - span.sentence) == 1 and word.content
    ]
    for _ in range(draw.randint(0, 3)):
        if strange:
            kept.insert(draw.randint(0, len(kept)), draw.choice(strange))
    if near and draw.random() < 0.4:
        kept.insert(draw.randint(0, len(kept)), draw.choice(near))
    if not kept:
        return None
    heads = {
        "number": ("How many", "What number of", "When did", "What year did"),
        "name": ("Who", "What", "Which", "What is the name of"),
        "word": ("What", "What kind of", "How", "Where", "Why"),
    }
    return f"{draw.choice(heads[span.kind])} {' '.join(kept)}?"


def _statements(document: str, text: str, other: str, draw: random.Random) -> Iterator[Item]:
    bounds = [(start, end) for start, end in sentences(text) if 40 <= end - start <= 300]
    if not bounds:
        return
    start, end = draw.choice(bounds)
    said = _loosened(text[start:end], draw)
    yield Item(document, "statement", said, text, True)
    yield from _spoiled(document, "statement", said, text, draw)
    foreign = [text for text in (other[a:b] for a, b in sentences(other)) if len(text) >= 40]
    if foreign:
        yield Item(document, "statement", draw.choice(foreign), text, False)


def _loosened(sentence: str, draw: random.Random) -> str:
    """The sentence as it is, or without some of its words."""
    share = draw.choice((0.0, 0.0, 0.1, 0.25))
    words = sentence.split(" ")
    kept = [word for word in words if word[:1].isupper() or draw.random() >= share]
    return " ".join(kept)


def _spoiled(document: str, kind: str, said: str, text: str, draw: random.Random) -> Iterator[Item]:
    """The statement with one thing changed that makes it untrue."""
    ways: list[Callable[[str, str, random.Random], str | None]] = [
        _other_number,
        _other_name,
        _negated,
        _opposite,
    ]
    draw.shuffle(ways)
    for way in ways:
        changed = way(said, text, draw)
        if changed is not None and changed != said:
            yield Item(document, kind, changed, text, False)
            return


def _other_number(said: str, text: str, draw: random.Random) -> str | None:
    numbers = list(re.finditer(r"\d+(?:[.,]\d+)*", said))
    if not numbers:
        return None
    match = draw.choice(numbers)
    there = [one for one in re.findall(r"\d+(?:[.,]\d+)*", text) if one != match.group()]
    new = draw.choice(there) if there and draw.random() < 0.5 else str(draw.randint(2, 2000))
    return said[: match.start()] + new + said[match.end() :]


def _other_name(said: str, text: str, draw: random.Random) -> str | None:
    names = [word for word in read(said, "en").words if word.name]
    known = {said[word.start : word.end] for word in names}
    there = [text[word.start : word.end] for word in read(text, "en").words if word.name]
    there = [name for name in there if name not in known]
    if not names or not there:
        return None
    word = draw.choice(names)
    return said[: word.start] + draw.choice(there) + said[word.end :]


def _negated(said: str, text: str, draw: random.Random) -> str | None:
    if re.search(r"\bnot\b", said):
        return re.sub(r"\s*\bnot\b", "", said, count=1)
    match = re.search(r"\b(?:is|are|was|were|can|may|should|has|have|will|could)\b", said)
    return None if match is None else f"{said[: match.end()]} not{said[match.end() :]}"


def _opposite(said: str, text: str, draw: random.Random) -> str | None:
    matches = [one for one in re.finditer(r"[a-z]+", said) if one.group() in OPPOSITES]
    if not matches:
        return None
    match = draw.choice(matches)
    return said[: match.start()] + OPPOSITES[match.group()] + said[match.end() :]
