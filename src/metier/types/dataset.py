"""Tasks and their examples, and what is known of how they overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.types.corpus import Span
from metier.types.plain import Estimate, Json

Split = Literal["train", "dev", "test"]
TaskKind = Literal["classification", "short_answer", "free_text"]


@dataclass(frozen=True, slots=True)
class Task:
    """What the specialist has to do, in the words that a prompt may use."""

    kind: TaskKind
    instruction: str
    labels: tuple[str, ...] = ()
    """The closed set of answers of a classification task; empty for the other kinds."""
    role: str = ""
    """An optional system message."""
    max_input_tokens: int = 512
    """Longer inputs are cut at the end, the same way in training, in evaluation and in serving."""
    max_answer_tokens: int = 64


ABSTENTION = "I do not know."
"""What a specialist says where the documents do not hold the answer; a target like any other."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question with the answer that counts as right."""

    id: str
    input: str
    target: str
    group: str = ""
    """Examples of one group never stand on both sides of a split."""
    evidence: tuple[Span, ...] = ()
    origin: str = ""
    """Where it came from: a document's id, or the generator's."""
    kind: str = ""
    """What sort of question it is, measured apart; empty where all are of one sort."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    tenant: str = ""
    """Whose document it is about: it is asked by that tenant, and shown to no other."""
    aliases: tuple[str, ...] = ()
    """Further answers that count as right, where answers are written."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The examples of a task, split so that nothing is graded on what it learnt from."""

    task: Task
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    version: str = ""
    """Content hash of the examples and their split."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Rows that are in none of the three, by reason."""


@dataclass(frozen=True, slots=True)
class LeakProbe:
    """Whether the label could be read off what cleaning removed."""

    removed: Mapping[str, Estimate]
    """Cross-validated accuracy of a bag of words on the removed text alone, by cleaning step."""
    chance: float
    """Accuracy of always saying the most frequent label."""


@dataclass(frozen=True, slots=True)
class OverlapHit:
    """A test item that something learnt from resembles too closely."""

    test: str
    other: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """Test items checked against one thing that a rung learns from."""

    against: str
    """``training rows``, ``few-shot examples`` or ``index``."""
    by: str
    """``13-grams`` or ``embedding``."""
    threshold: float
    test_items: int
    hits: tuple[OverlapHit, ...]
