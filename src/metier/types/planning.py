"""A request as a graph of steps, and what each step gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.types.asking import Usage
from metier.types.grounding import Grounding, Hit
from metier.types.plain import Json
from metier.types.tools import Artifact

NodeKind = Literal["retrieve", "extract", "query", "run", "summarise"]
Row = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step."""

    id: str
    kind: NodeKind
    settings: Mapping[str, Json] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    """The ids of the nodes whose results it reads; they stand before it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done about a request, before anything of it is done."""

    request: str
    nodes: tuple[PlanNode, ...]
    template: str = ""
    """Which template it was filled from; empty for one that a model wrote freely."""
    slots: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    """Tokens that planning took."""


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What one step gave."""

    node: str
    key: str
    """Address of the step and of all that it rests on; equal keys have equal results."""
    text: str = ""
    rows: tuple[Row, ...] = ()
    hits: tuple[Hit, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    failed: bool = False
    """Whether ``text`` tells why there is nothing."""


@dataclass(frozen=True, slots=True)
class PlanRun:
    """A plan that was carried out, as far as it went."""

    plan: Plan
    results: tuple[NodeResult, ...]
    """In the order of the nodes; nodes that were not reached have none."""
    answer: str = ""
    grounding: Grounding | None = None
    stopped_by: str = ""
    """``steps``, ``tokens``, ``seconds`` or ``failure``; empty when it ended by itself."""
    reused: tuple[str, ...] = ()
    """Nodes whose earlier results still held."""
