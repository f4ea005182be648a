"""Every noun of metier, in the order in which data flows; imports nothing of metier."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Any
"""A value that ``json.dumps`` accepts."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top of a rectangle on a PDF page, in points from the lower left corner."""

Split = Literal["train", "dev", "test"]
TaskKind = Literal["classification", "short_answer", "free_text"]
Role = Literal["system", "user", "assistant"]
Engine = Literal["openvino", "transformers"]
"""What runs a local language model."""


def content_hash(value: Json) -> str:
    """Address a plain value by its content: 16 hex digits of SHA-256 over sorted JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


# --- source -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a document's text and the place on a page where it is printed."""

    start: int
    end: int
    page: int
    """Counted from 1, as a PDF viewer does."""
    box: Box


@dataclass(frozen=True, slots=True)
class Document:
    """One document as its source gave it, before any cleaning."""

    id: str
    text: str
    title: str = ""
    uri: str = ""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """The source's other columns or properties: label, author, date, ..."""
    regions: tuple[Region, ...] = ()
    """For paged sources: where each line of ``text`` is printed, in order of ``start``."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row or file that could not be read, and why; reported, never dropped in silence."""

    uri: str
    line: int | None
    reason: str


# --- corpus -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of cleaned text and the stretch of source text that it came from.

    ``verbatim`` pieces are equal character by character; the others are replacements (``[email]``).
    """

    start: int
    end: int
    source_start: int
    source_end: int
    verbatim: bool = True


@dataclass(frozen=True, slots=True)
class CleanDocument:
    """A document after cleaning, with the way back to the source text."""

    id: str
    text: str
    source_text: str
    pieces: tuple[Piece, ...]
    """Ordered by ``start``, covering ``text`` without gaps."""
    title: str = ""
    uri: str = ""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    """Regions of ``source_text``."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """Text that each cleaning step took out, by the step's name; read by the leak probe."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source document; ``start`` and ``end`` count characters of the source text."""

    document: str
    start: int
    end: int
    page: int | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a cleaned document, small enough to retrieve or to put into a prompt."""

    id: str
    text: str
    start: int
    """Offset in the cleaned text; ``cleaned[start:end] == text``."""
    end: int
    source: Span
    title: str = ""


@dataclass(frozen=True, slots=True)
class StepCount:
    """What one cleaning step did to a corpus."""

    step: str
    documents: int
    """Documents that it changed."""
    characters: int
    """Characters that it took out."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """How a corpus came about: what came in, what was dropped and why, what stands."""

    version: str
    documents_in: int
    documents: int
    malformed: tuple[Malformed, ...]
    """The first hundred; ``malformed_count`` counts all."""
    malformed_count: int
    steps: tuple[StepCount, ...]
    dropped: Mapping[str, int]
    """By reason: ``exact duplicate``, ``near duplicate``, ``empty after cleaning``."""
    chunks: int = 0
    seconds: float = 0.0


# --- dataset ----------------------------------------------------------------------------------


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
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The examples of a task, split so that nothing is graded on what it learnt from."""

    task: Task
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]
    version: str = ""
    """Content hash of the examples and their split."""


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


# --- conversation with a model ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


Conversation = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class GenerateConfig:
    """How to continue a conversation. Greedy unless ``temperature`` is above 0."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    seed: int = 0
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """When given, the answer is exactly one of these."""
    json_schema: Mapping[str, Json] | None = None
    """When given, the answer is JSON that this schema accepts."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, or of a sum of requests."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """The part of ``prompt_tokens`` that a prefix cache supplied."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote."""

    text: str
    usage: Usage
    finish_reason: Literal["stop", "length"] = "stop"


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Natural-log likelihood of each label as the whole answer to one conversation."""

    log_likelihoods: tuple[float, ...]
    """One per label, in the order asked; summed over the label's tokens and the end of the turn."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class Citation:
    """A chunk that an answer rests on."""

    chunk: str
    span: Span
    title: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a specialist answered, with everything needed to check and to price it."""

    text: str
    usage: Usage = Usage()
    prompt: Conversation = ()
    """What the model was shown; empty for rungs without a prompt."""
    probabilities: Mapping[str, float] | None = None
    """Per label; sums to 1. None when the rung cannot say."""
    citations: tuple[Citation, ...] = ()
    abstained: bool = False


# --- candidate --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A built rung: plain JSON beside its files, to be copied, compared and served elsewhere."""

    rung: str
    """The rung's name on the ladder, unique within a recipe."""
    method: str
    task: Task
    settings: Mapping[str, Json]
    base: str | None = None
    """The base model's name; None for rungs that use no model."""
    files: tuple[str, ...] = ()
    """Paths relative to the candidate's directory."""
    train_examples: tuple[str, ...] = ()
    """Ids of the examples it learnt from or shows, for the overlap check."""
    train_seconds: float = 0.0
    trials: tuple[Mapping[str, Json], ...] = ()
    """What was tried on the dev split and how it scored there; the chosen one first."""
    seed: int = 0


# --- scorecard --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] (n={self.n})"


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's verdict on one answer."""

    scorer: str
    value: float | None
    """None when the answer could not be scored; never NaN."""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One test item under one rung: what was asked, answered, scored and spent."""

    example: str
    suite: str
    input: str
    target: str
    answer: Answer
    seconds: float
    """Wall time of the item's batch divided by the batch's size."""
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Everything measured about one candidate on one suite."""

    rung: str
    suite: str
    items: tuple[ItemResult, ...]
    metrics: Mapping[str, Estimate]
    """accuracy, macro_f1, off_enum_rate, calibration_error, ... by name."""
    usage: Usage
    seconds: float
    cost_per_thousand: Estimate | None = None
    """US dollars per thousand calls; None where no price is known."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of data, split, model, prompt, metier: what is needed to compute it again."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What a tuned rung kept of its base model's ability on one suite."""

    rung: str
    suite: str
    base: Estimate
    tuned: Estimate
    ratio: Estimate
    """``tuned / base``; the interval is from a paired bootstrap over the suite's items."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Quality of a rung built from fewer rows, on the same test items."""

    rung: str
    rows_per_class: int
    quality: Estimate


# --- decision ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired difference between two rungs on the same items."""

    rung: str
    against: str
    metric: str
    difference: Estimate
    """Positive when ``rung`` is better."""
    p_value: float
    p_adjusted: float
    """After Holm's correction over all comparisons of the run."""
    wins: int
    losses: int


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate of the recipe applied to one rung."""

    gate: str
    rung: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rung to ship and why, or that nobody can tell yet."""

    verdict: Literal["ship", "cannot_tell", "none_passes"]
    rung: str | None
    reasons: tuple[str, ...]
    """Sentences for a person, the most important first."""
    comparisons: tuple[Comparison, ...]
    gates: tuple[GateResult, ...]
    detectable_difference: float
    """The smallest true difference in the metric that this many items show with 80 % power."""
    items_needed: int | None = None
    """Further test items that would settle it, when the verdict is ``cannot_tell``."""
    break_even_calls_per_month: float | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that a run found out, for the report and for whoever reads it as JSON."""

    name: str
    created: str
    """UTC, ISO 8601."""
    recipe: str
    """The recipe's text."""
    dataset: Dataset
    corpus: IngestReport
    decision: Decision
    candidates: tuple[Candidate, ...]
    scorecards: tuple[Scorecard, ...]
    """On the test split, in the ladder's order."""
    metric: str
    """The metric that the verdict is about: a key of ``Scorecard.metrics``."""
    retention: tuple[Retention, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    leak_probe: LeakProbe | None = None
    overlaps: tuple[Overlap, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Rungs of the recipe that were not built, and why."""
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: str = ""
    seconds: float = 0.0


# --- release ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Release:
    """What a released specialist says about itself, beside its candidate's files."""

    rung: str
    engine: Engine
    created: str
    """UTC, ISO 8601."""
    versions: Mapping[str, str]
    format: int = 1
