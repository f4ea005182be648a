"""From a request to a plan: a template filled under constraints, or one that a model writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Protocol

from metier.errors import DataError
from metier.tools.plans.graph import GIVES, TAKES, plan_schema, problems
from metier.tools.plans.templates import TEMPLATES, Template
from metier.types import (
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    Message,
    Plan,
    PlanNode,
    Usage,
)

FREE, AUTO = "free", "auto"


class Writes(Protocol):
    """All that planning needs of a model; every ``LanguageModel`` has it."""

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Answer every conversation."""
        ...


def make_plan(request: str, model: Writes, *, template: str = AUTO, most_nodes: int = 8) -> Plan:
    """A plan that can be run.

    ``template`` names one, or is ``auto``: the model chooses among all. The model then fills each
    blank with one of the words that may stand there, so that any model, however small, ends with
    a plan that can be run. ``free`` lets a capable model write the graph, bound to its JSON
    Schema; what is wrong with its first is told to it once. Raises ``DataError`` for an unknown
    template, and when the second is wrong too.
    """
    if template == FREE:
        return _free(request, model, most_nodes)
    usage = Usage()
    if template == AUTO:
        # In turn, so that no kind stands last more often than another.
        examples = [
            (text, one.name)
            for row in zip_longest(*(one.examples for one in TEMPLATES.values()))
            for text, one in zip(row, TEMPLATES.values(), strict=True)
            if text is not None
        ]
        question = "The kind of request, of " + "; ".join(
            f"{one.name}: {one.description}" for one in TEMPLATES.values()
        )
        said = _choose(model, request, question, list(TEMPLATES), examples)
        template, usage = said.text, said.usage
    if template not in TEMPLATES:
        known = ", ".join((*TEMPLATES, AUTO, FREE))
        raise DataError(f"there is no template {template!r}; choose from {known}")
    return _filled(request, model, TEMPLATES[template], usage)


def _filled(request: str, model: Writes, template: Template, usage: Usage) -> Plan:
    slots: dict[str, str] = {}
    for slot in template.slots:
        # A word that names the things is not the one that names their number.
        options = [word for word in slot.options(request) if word not in slots.values()]
        options = options or ["value"]
        said = _choose(model, request, slot.question, options, slot.examples)
        slots[slot.name] = said.text
        usage += said.usage
    return Plan(request, template.nodes(request, slots), template.name, slots, usage)


def _choose(
    model: Writes,
    request: str,
    question: str,
    options: Sequence[str],
    examples: Sequence[tuple[str, str]],
) -> Completion:
    """One of the options, which the constraint makes certain; where one is left, it is that."""
    if len(options) == 1:
        return Completion(options[0], Usage())
    turns: list[Message] = [Message("system", f"{question}.")]
    for text, answer in examples:
        turns += [Message("user", text), Message("assistant", answer)]
    config = GenerateConfig(choices=tuple(options))
    return model.generate([(*turns, Message("user", request))], config)[0]


_GUIDE = """Write a plan for the request as a graph of nodes. Kinds:
- retrieve finds passages in the documents. Reads nothing.
- extract reads fields out of each passage into rows. Reads {extract}.
- query reckons or sorts rows. Reads {query}.
- run draws a chart of rows (chart, x, y), or runs Python code that finds its inputs in rows.json \
and passages.json. Reads {run}.
- summarise writes the answer. Reads {summarise}.
Each node has an id, and names in `inputs` the earlier nodes that it reads. End with summarise."""


def _free(request: str, model: Writes, most_nodes: int) -> Plan:
    guide = _GUIDE.format(**{kind: " or ".join(data) for kind, data in TAKES.items()})
    turns: Conversation = (Message("system", guide), Message("user", request))
    config = GenerateConfig(max_new_tokens=1024, json_schema=plan_schema(most_nodes=most_nodes))
    usage, faults = Usage(), [""]
    for _ in range(2):
        said = model.generate([turns], config)[0]
        usage += said.usage
        plan = read_plan(said.text, request)
        faults = ["it is no whole plan"] if plan is None else problems(plan, most_nodes=most_nodes)
        if plan is not None and not faults:
            return Plan(request, plan.nodes, usage=usage)
        told = "\n".join(["This plan cannot be run:", *faults, "Write it again."])
        turns = (*turns, Message("assistant", said.text), Message("user", told))
    raise DataError(f"the model wrote no plan that can be run: {'; '.join(faults)}")


def read_plan(text: str, request: str) -> Plan | None:
    """A plan from a model's or a person's JSON; None when it is none."""
    try:
        told: Json = json.loads(text)
        nodes = tuple(
            PlanNode(one["id"], one["kind"], one["settings"], tuple(one["inputs"]))
            for one in told["nodes"]
        )
    except (ValueError, KeyError, TypeError):
        return None
    return Plan(request, nodes) if all(node.kind in GIVES for node in nodes) else None
