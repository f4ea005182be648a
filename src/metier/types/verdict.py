"""What to ship and why, and what is shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.types.asking import Engine
from metier.types.corpus import IngestReport
from metier.types.dataset import Dataset, LeakProbe, Overlap
from metier.types.generation import GenerationReport
from metier.types.measuring import Candidate, CurvePoint, Retention, Scorecard
from metier.types.plain import Estimate


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
    """Items on which ``rung`` scored higher; of right and wrong, those that it alone got right."""
    losses: int
    discordance: float | None = None
    """Mean squared difference of the scores; of right and wrong the share that only one got."""
    design_effect: float = 1.0
    """How many items of one document tell as much as one by itself."""


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
    generation: GenerationReport | None = None
    """How the questions came about, where they were generated."""
    overlaps: tuple[Overlap, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Rungs of the recipe that were not built, suites on which nothing can be lost, and why."""
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Release:
    """What a released specialist says about itself, beside its candidate's files."""

    rung: str
    engine: Engine
    created: str
    """UTC, ISO 8601."""
    versions: Mapping[str, str]
    weights: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints, by name, of the local models that it asks, as they were measured."""
    format: int = 1
