"""What a plan may be: five kinds of step, what each reads and gives, and how each is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from metier.tools.calling import fault_in
from metier.types import Json, NodeKind, Plan, PlanNode

Data = Literal["passages", "rows", "files", "text"]

GIVES: Mapping[NodeKind, Data] = {
    "retrieve": "passages",
    "extract": "rows",
    "query": "rows",
    "run": "files",
    "summarise": "text",
}
TAKES: Mapping[NodeKind, tuple[Data, ...]] = {
    "retrieve": (),
    "extract": ("passages",),
    "query": ("rows",),
    "run": ("rows", "passages", "files"),
    "summarise": ("passages", "rows", "files", "text"),
}
LEAST_INPUTS: Mapping[NodeKind, int] = {
    "retrieve": 0,
    "extract": 1,
    "query": 1,
    "run": 0,
    "summarise": 1,
}
OPERATIONS = ("count", "sum", "mean", "min", "max", "ascending", "descending")
CHARTS = ("bar", "line", "scatter", "pie")
FIELD_TYPES = ("text", "number")

_NAME: Json = {"type": "string", "minLength": 1, "maxLength": 60}


def _settings(required: tuple[str, ...], **properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


SETTINGS: Mapping[NodeKind, Json] = {
    "retrieve": _settings(
        ("query",),
        query={"type": "string", "minLength": 1, "maxLength": 1000},
        tier=_NAME,
        as_of={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    ),
    "extract": _settings(
        ("fields",),
        fields={
            "type": "array",
            "minItems": 1,
            "maxItems": 6,
            "items": _settings(("name", "type"), name=_NAME, type={"enum": list(FIELD_TYPES)}),
        },
    ),
    "query": _settings(
        ("operation",), operation={"enum": list(OPERATIONS)}, column=_NAME, by=_NAME
    ),
    "run": {
        "anyOf": [
            _settings(("chart", "x", "y"), chart={"enum": list(CHARTS)}, x=_NAME, y=_NAME),
            _settings(("code",), code={"type": "string", "minLength": 1, "maxLength": 4000}),
        ]
    },
    "summarise": _settings(("instruction",), instruction={"type": "string", "maxLength": 500}),
}


def problems(plan: Plan, *, most_nodes: int = 16) -> list[str]:
    """All that is wrong with a plan, each with its node; empty when it can be run."""
    found = []
    if not 1 <= len(plan.nodes) <= most_nodes:
        found.append(f"a plan has 1 to {most_nodes} nodes, not {len(plan.nodes)}")
    before: dict[str, PlanNode] = {}
    for node in plan.nodes:
        found += [f"node {node.id!r}: {fault}" for fault in _faults(node, before)]
        before[node.id] = node
    return found


def _faults(node: PlanNode, before: Mapping[str, PlanNode]) -> Iterator[str]:
    if node.id in before or not node.id:
        yield "its id is empty or taken"
    fault = fault_in(SETTINGS[node.kind], dict(node.settings))
    if fault is not None:
        yield f"settings: {fault}"
    if len(node.inputs) < LEAST_INPUTS[node.kind]:
        yield f"{node.kind} needs an input"
    for name in node.inputs:
        if name not in before:
            yield f"its input {name!r} is no earlier node"
        elif GIVES[before[name].kind] not in TAKES[node.kind]:
            takes = " or ".join(TAKES[node.kind]) or "nothing"
            yield f"{node.kind} reads {takes}, and {name!r} gives {GIVES[before[name].kind]}"


def plan_schema(*, most_nodes: int) -> Json:
    """JSON Schema of the nodes of a plan, for a model that writes one."""
    forms = [
        _settings(
            ("id", "kind", "settings", "inputs"),
            id={"type": "string", "pattern": "^[a-z][a-z0-9_]{0,15}$"},
            kind={"const": kind},
            settings=settings,
            inputs={"type": "array", "items": {"type": "string", "maxLength": 16}, "maxItems": 4},
        )
        for kind, settings in SETTINGS.items()
    ]
    nodes: Json = {
        "type": "array",
        "minItems": 1,
        "maxItems": most_nodes,
        "items": {"anyOf": forms},
    }
    return _settings(("nodes",), nodes=nodes)
