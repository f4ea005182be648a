"""Candidates, and everything measured about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metier.types.asking import Answer, Usage
from metier.types.dataset import Task
from metier.types.plain import Estimate, Json


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
    """Of making it alone: what it took over from other rungs counts as well."""
    trials: tuple[Mapping[str, Json], ...] = ()
    """What was tried on the dev split and how it scored there; the chosen one first."""
    seed: int = 0


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
    batch: int | None = None
    """Which batch of the suite it was asked in: items of one share their time."""


def batches_of(items: Sequence[ItemResult]) -> list[int] | None:
    """The batch of each item; None where that is not known of all."""
    found = [item.batch for item in items if item.batch is not None]
    return found if len(found) == len(items) else None


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
    kinds: Mapping[str, Estimate] = field(default_factory=dict)
    """The first scorer's metric over the examples of each kind, where there are several."""


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
