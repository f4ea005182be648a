"""Questions and answers written from documents, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.types.asking import Usage
from metier.types.corpus import Span
from metier.types.plain import Estimate

QuestionKind = Literal[
    "factual", "reverse", "multi_fact", "summary", "rewrite", "entity_pair", "unanswerable"
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check said of a row."""

    check: str
    passed: bool
    reason: str = ""
    """Why it failed, in words that do not change from row to row, so that they can be counted."""
    value: float | None = None
    """The measured quantity, where the check has one."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a row comes from: enough to find its passage and to ask the same again."""

    document: str
    chunk: str
    chunk_hash: str
    """Content of the passage and of how it is called; a changed document changes it."""
    generator: str
    """Who wrote the question: ``pattern``, or a model's name."""
    answerer: str = ""
    """Who wrote the answer; empty when the pattern did."""
    persona: str = ""
    """The asker's persona as it was put to the model."""
    answerer_persona: str = ""
    """The same of the answerer."""
    prompt: str = ""
    """Hash of the whole conversations that gave question and answer."""


@dataclass(frozen=True, slots=True)
class GeneratedRow:
    """One question with its answer, where the source says so, and what each check found."""

    id: str
    kind: QuestionKind
    question: str
    answer: str
    evidence: tuple[Span, ...]
    quotes: tuple[str, ...]
    """The passage's own words, one for each of ``evidence``."""
    provenance: Provenance
    verdicts: tuple[Verdict, ...] = ()
    fact: str = ""
    """Rows about one fact share it; they must not stand on both sides of a split."""
    dropped: str | None = None
    """The reason of the check that it failed; None for an accepted row."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the documents has at least ``least`` accepted questions."""

    least: int
    chunks: Estimate
    """Share of the chunks."""
    facts: Estimate | None
    """Share of the facts that the patterns found in them; None where they found none."""


@dataclass(frozen=True, slots=True)
class CheckerError:
    """How often a checker errs, on answers that are known to be right or wrong."""

    checker: str
    lets_through: Estimate
    """Share of wrong answers that it passes: another fact's answer of the same kind, or another
    name, date or amount of the very evidence."""
    refuses: Estimate
    """Share of right answers that it does not pass."""


@dataclass(frozen=True, slots=True)
class GenerationEstimate:
    """What a generation will take, told before it starts."""

    chunks: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    dollars: float | None
    """None where no price is known."""


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """How a set of questions came about."""

    accepted: int
    rejected: Mapping[str, int]
    """By reason, the commonest first."""
    acceptance: Mapping[str, Estimate]
    """Share of the proposed rows that was accepted, by ``generator kind``."""
    coverage: Coverage
    checker: CheckerError | None
    stopped: str
    """Why no more was asked: ``menu``, ``questions``, ``minutes``, ``dollars``."""
    given_up: tuple[str, ...] = ()
    """Kinds that the writer could not write, so that no more was spent on them."""
    asked: int = 0
    """Requests that went to a model now."""
    remembered: int = 0
    """Requests that an earlier or killed run had already had answered."""
    failed: int = 0
    """Requests that stayed without an answer; the next run asks them again."""
    usage: Usage = field(default_factory=Usage)
    """Of the requests that went to a model now."""
    seconds: float = 0.0
    hints: tuple[str, ...] = ()
    """What would have more rows kept, in sentences."""

    @property
    def written(self) -> int:
        """Rows that were proposed, whether kept or not."""
        return self.accepted + sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class Review:
    """A person's word on one row."""

    row: str
    verdict: Literal["accept", "edit", "reject"]
    question: str = ""
    """The new wording, when the verdict is ``edit``."""
    answer: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """A person's word on one row of an audit's sample."""

    row: str
    right: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit found."""

    error: Estimate
    """Share of wrong rows among those judged, with Wilson's interval."""
    sample: int
    """Rows drawn; fewer may be judged so far."""
    wrong: tuple[AuditVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Holders:
    """What was made from a document, and would have to be made again without it."""

    document: str
    rows: int
    datasets: tuple[str, ...]
    """Steps of the project folder that hold rows from it."""
    adapters: tuple[str, ...]
    indexes: tuple[str, ...]
