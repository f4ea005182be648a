"""Six trades with their questions, and questions that belong to none of them.

Multiple-choice sets and those called ``general_*`` are for measuring only, so none of them is
learnt from: the trades are made of sets that have a training use, the general ones only ask.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from benchmarks import newsgroups_data
from metier.sources import PythonDocsSource
from metier.types import Json

T = TypeVar("T")
TRAIN, DEV, TEST = 200, 60, 100
ANSWERS = 1500
"""Of MedQuAD: the passages of the medical trade."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the label, or the number of the passage, that answers it."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class Trade:
    """One specialist's questions; ``passages`` where it looks answers up."""

    name: str
    instruction: str
    train: tuple[Asked, ...]
    dev: tuple[Asked, ...]
    test: tuple[Asked, ...]
    passages: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Every answer of its training questions."""
        return tuple(sorted({one.answer for one in self.train}))


def trades(data: Path) -> list[Trade]:
    """The trades, the same at every call."""
    return [
        medical(data),
        _labelled("contracts", "Which kind of contract clause is this?", _clauses(data), 10),
        _labelled("weaknesses", "Which weakness (CWE) does this vulnerability have?", _cves(data)),
        _labelled("detections", "Which tactic does this detection rule watch for?", _rules(data)),
        _labelled("newsgroups", "Which newsgroup is this post from?", _posts(data)),
        _labelled("python", "Which Python module does this entry document?", _docs(), 16),
    ]


def strangers(data: Path) -> dict[str, list[str]]:
    """Questions of no trade: ``dev`` for choosing, the others for the figures."""
    folder = {
        "naturalqs": "general_naturalqs/eval.jsonl",
        "jeopardy": "general_jeopardy/eval.jsonl",
        "alpacaeval": "pref_alpacaeval/claude-2.jsonl",
    }
    found = {
        name: [row.get("question") or row["instruction"] for row in _lines(data / path)]
        for name, path in folder.items()
    }
    found["dev"] = [
        f"{row['instruction']}\n{row['input']}".strip()
        for row in _lines(data / "sft_instructions" / "alpaca_seed_tasks.jsonl")
    ]
    return {name: _shuffled(texts)[:150] for name, texts in found.items()}


def medical(data: Path) -> Trade:
    """MedQuAD: the answer to look up among 1,500; a question's wording stands in one split only."""
    rows = _shuffled(_lines(data / "med_medquad" / "qa.jsonl.gz"))[:ANSWERS]
    passages = tuple(f"{row['focus']}\n{row['answer'][:1000]}" for row in rows)
    first = {row["question"]: str(place) for place, row in reversed(list(enumerate(rows)))}
    asked = [Asked(question, place) for question, place in first.items()]
    train, dev, test = _split(_shuffled(asked))
    return Trade("medical", "Which document answers the question?", train, dev, test, passages)


def _labelled(name: str, instruction: str, asked: Iterable[Asked], most: int = 10) -> Trade:
    """The commonest labels, each text once."""
    distinct = list({one.text: one for one in asked}.values())
    counts: dict[str, int] = {}
    for one in distinct:
        counts[one.answer] = counts.get(one.answer, 0) + 1
    kept = set(sorted(counts, key=lambda label: (-counts[label], label))[:most])
    rows = _shuffled([one for one in distinct if one.answer in kept])
    train, dev, test = _split(rows)
    return Trade(name, instruction, train, dev, test)


def _split(rows: Sequence[Asked]) -> tuple[tuple[Asked, ...], ...]:
    cuts = (0, TRAIN, TRAIN + DEV, TRAIN + DEV + TEST)
    return tuple(tuple(rows[start:end]) for start, end in pairwise(cuts))


def _clauses(data: Path) -> list[Asked]:
    rows = _lines(data / "legal_legalbench" / "tasks.jsonl.gz")
    return [
        Asked(row["fields"]["text"], row["task"].removeprefix("CUAD_"))
        for row in rows
        if row["task"].startswith("CUAD_") and row["gold"] == "Yes"
    ]


def _cves(data: Path) -> list[Asked]:
    rows = _lines(data / "cyber_ctibench" / "rcm.jsonl.gz")
    return [Asked(row["description"], row["gt"]) for row in rows]


def _rules(data: Path) -> list[Asked]:
    asked = []
    for row in _lines(data / "cyber_sigma" / "rules.jsonl.gz"):
        tags = [tag.removeprefix("attack.") for tag in row["tags"] if tag.startswith("attack.")]
        tactics = [tag for tag in tags if not any(sign.isdigit() for sign in tag)]
        if len(tactics) == 1:
            asked.append(Asked(f"{row['title']}. {row['description']}", tactics[0]))
    return asked


def _posts(data: Path) -> list[Asked]:
    posts = newsgroups_data.load(data / "newsgroups20").train
    cleaned = ((newsgroups_data.clean_strict(post.text)[:1500], post.label) for post in posts)
    return [Asked(text, label) for text, label in cleaned if len(text) > 40]


def _docs() -> list[Asked]:
    found = PythonDocsSource().documents(lambda malformed: None)
    return [Asked(one.text[:1000], str(one.metadata["module"])) for one in found]


def _lines(path: Path) -> list[dict[str, Json]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def _shuffled(rows: Sequence[T]) -> list[T]:
    mixed = list(rows)
    random.Random(0).shuffle(mixed)
    return mixed
