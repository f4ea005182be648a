"""Runs a plan within a budget; what still holds from an earlier run is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from metier.errors import DataError
from metier.retrieval.grounding.ground import ground
from metier.tools.plans.graph import problems
from metier.tools.plans.nodes import Bench, do
from metier.types import Budget, Grounding, NodeResult, Plan, PlanNode, PlanRun, Usage, content_hash


def run_plan(
    plan: Plan,
    bench: Bench,
    *,
    budget: Budget | None = None,
    earlier: Sequence[NodeResult] = (),
    on_result: Callable[[NodeResult], None] = lambda result: None,
) -> PlanRun:
    """Run the nodes in their order; ``DataError`` for a plan with faults, which it lists.

    A node whose key is that of an ``earlier`` result takes it over, so after a change of one node
    only that and what rests on it is done. A failed node ends the run: what comes after has
    nothing to rest on. The budget is looked at before each node.
    """
    faults = problems(plan)
    if faults:
        raise DataError("the plan cannot be run: " + "; ".join(faults))
    budget = budget or Budget()
    known = {result.key: result for result in earlier if not result.failed}
    deadline = time.monotonic() + budget.seconds
    done: dict[str, NodeResult] = {}
    reused: list[str] = []
    stopped = ""
    for node in plan.nodes:
        inputs = [done[name] for name in node.inputs]
        key = _key(node, inputs)
        if key in known:
            done[node.id] = replace(known[key], node=node.id)
            reused.append(node.id)
            continue
        stopped = _spent(budget, plan, done, reused, deadline)
        if stopped:
            break
        done[node.id] = _timed(node, inputs, bench, key)
        on_result(done[node.id])
        if done[node.id].failed:
            stopped = "failure"
            break
    return _ended(plan, done, stopped, reused)


def _key(node: PlanNode, inputs: Sequence[NodeResult]) -> str:
    return content_hash([node.kind, dict(node.settings), [result.key for result in inputs]])


def _timed(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench, key: str) -> NodeResult:
    started = time.monotonic()
    result = do(node, inputs, bench)
    return replace(result, key=key, seconds=time.monotonic() - started)


def _spent(
    budget: Budget,
    plan: Plan,
    done: Mapping[str, NodeResult],
    reused: Sequence[str],
    deadline: float,
) -> str:
    usage = sum((result.usage for name, result in done.items() if name not in reused), plan.usage)
    if len(done) - len(reused) >= budget.steps:
        return "steps"
    if usage.prompt_tokens + usage.completion_tokens >= budget.tokens:
        return "tokens"
    return "seconds" if time.monotonic() >= deadline else ""


def _ended(
    plan: Plan, done: Mapping[str, NodeResult], stopped: str, reused: Sequence[str]
) -> PlanRun:
    results = tuple(done.values())
    last = results[-1] if results else None
    grounding: Grounding | None = None
    if last is not None and last.hits and not last.failed:
        grounding = ground(plan.request, last.text, hits=last.hits).grounding
    answer = "" if last is None else last.text
    return PlanRun(plan, results, answer, grounding, stopped, tuple(reused))


def usage_of(run: PlanRun) -> Usage:
    """Tokens of planning and of every step that was done now."""
    now = (result.usage for result in run.results if result.node not in run.reused)
    return sum(now, run.plan.usage)
