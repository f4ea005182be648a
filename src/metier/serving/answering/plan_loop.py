"""Answers a request by a plan: made, told, and carried out with the server's tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from metier import serial
from metier.errors import DataError
from metier.retrieval.grounding.gemini import as_gemini
from metier.serving.answering.steps import Steps, StepWriter, steps_of
from metier.serving.answering.turns import Turn, turn_of
from metier.serving.engines.reading import collect, start_all
from metier.serving.engines.writing import Ask, End, Piece, Writer, Writing
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import ChatRequest
from metier.serving.refusal import Refusal
from metier.tools.plans.execute import run_plan, usage_of
from metier.tools.plans.graph import problems
from metier.tools.plans.nodes import Bench
from metier.tools.plans.planning import make_plan
from metier.types import (
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    NodeResult,
    Plan,
    PlanNode,
    PlanRun,
    Usage,
)


def with_plan(body: ChatRequest, visit: Visit) -> tuple[Writer, Turn]:
    """The model that plans, as a writer; ``Refusal`` 400 where there is nothing to work with."""
    steps = steps_of(body, visit, param="plan")
    if body.tools or body.enum or body.response_format:
        raise Refusal(400, "a plan has a form of its own; leave the others out", param="plan")
    bare = body.model_copy(update={"tools": None, "tool_choice": None})
    return StepWriter(Planner(steps).run), turn_of(bare)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes a plan and carries it out; the text is the last node's, the end has every result."""

    steps: Steps

    async def run(self, ask: Ask, writing: Writing) -> tuple[str, End]:
        """In a thread of the tools'."""
        loop = asyncio.get_running_loop()
        model = _Bridge(self.steps.writer, ask, writing, loop)
        try:
            return await loop.run_in_executor(
                self.steps.toolbox.workers, self._answer, ask, model, writing
            )
        finally:
            model.stop()

    def _answer(self, ask: Ask, model: _Bridge, writing: Writing) -> tuple[str, End]:
        plan = self._plan(ask, model)
        option = self.steps.body.plan
        if option is not None and option.only:
            return _lines(plan), End("stop", plan.usage, {"plan": serial.to_json(plan)})
        progress = _Progress(self.steps, writing if ask.live and not problems(plan) else None)
        progress.tell({"plan": serial.to_json(plan)})
        tenant = self.steps.visit.caller.tenant
        bench = Bench(model, self.steps.toolbox.of(self.steps.body.model, tenant), tenant)

        made = {node.id: node for node in plan.nodes}

        def done(result: NodeResult) -> None:
            progress.note(made[result.node], result)
            model.check()
            progress.node(result)

        run = run_plan(plan, bench, budget=self.steps.budget, on_result=done)
        return run.answer, End("stop", usage_of(run), {**progress.untold, **_ending(run)})

    def _plan(self, ask: Ask, model: _Bridge) -> Plan:
        assert self.steps.body.plan is not None
        request = ask.prompt if isinstance(ask.prompt, str) else ask.prompt[-1].content
        nodes = self.steps.body.plan.nodes
        if nodes is None:
            return make_plan(request, model, template=self.steps.body.plan.template)
        given = (PlanNode(one.id, one.kind, one.settings, tuple(one.inputs)) for one in nodes)
        return Plan(request, tuple(given))


@dataclass
class _Progress:
    """What a plan has come to: told as it comes to a reader of the stream, else kept for the end.

    Entries of lists have an ``index``, as OpenAI's clients want it to put a stream together.
    """

    steps: Steps
    reader: Writing | None
    untold: dict[str, Json] = field(default_factory=lambda: {"nodes": [], "artifacts": []})
    _nodes: int = 0
    _artifacts: int = 0

    def __post_init__(self) -> None:
        if self.reader is not None:
            self.untold = {}

    def note(self, node: PlanNode, result: NodeResult) -> None:
        """Log what was done."""
        settings = {"node": node.id, **node.settings, "inputs": list(node.inputs)}
        said = result.text or json.dumps([dict(row) for row in result.rows], ensure_ascii=False)
        self.steps.note(
            self._nodes + 1,
            node.kind,
            settings,
            result=said,
            failed=result.failed,
            seconds=round(result.seconds, 3),
        )

    def node(self, result: NodeResult) -> None:
        """One is done."""
        cited = [hit.chunk.id for hit in result.hits]
        artifacts = [
            {
                "index": self._artifacts + place,
                **self.steps.keep(one),
                "node": result.node,
                "cited": cited,
            }
            for place, one in enumerate(result.artifacts)
        ]
        self.tell({"nodes": [{"index": self._nodes, **_node(result)}], "artifacts": artifacts})
        self._nodes += 1
        self._artifacts += len(artifacts)

    def tell(self, fields: dict[str, Json]) -> None:
        """Lists grow; all else is told once."""
        if self.reader is not None:
            told = {name: value for name, value in fields.items() if value != []}
            self.reader.tell(Piece("", extras=told))
            return
        for name, value in fields.items():
            self.untold[name] = self.untold[name] + value if isinstance(value, list) else value


def _ending(run: PlanRun) -> dict[str, Json]:
    told: dict[str, Json] = {"stopped_by": run.stopped_by} if run.stopped_by else {}
    if run.grounding is not None:
        told["grounding"] = as_gemini(run.answer, run.grounding)
    return told


class _Bridge:
    """The server's model as planning wants it: called from a thread, answering whole."""

    def __init__(
        self, writer: Writer, ask: Ask, writing: Writing, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._writer = writer
        self._ask = ask
        self._writing = writing
        self._loop = loop
        self._asked: Future[list[Completion]] | None = None
        self._stopped = False

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Answer every conversation, among the server's other requests."""
        self.check()
        self._asked = asyncio.run_coroutine_threadsafe(self._all(batch, config), self._loop)
        return self._asked.result()

    def check(self) -> None:
        """Raise once nobody waits for the answer any more."""
        if self._stopped:
            raise DataError("the client went away")

    def stop(self) -> None:
        """Do nothing more."""
        self._stopped = True
        if self._asked is not None:
            self._asked.cancel()

    async def _all(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        asks = [
            replace(self._ask, prompt=one, config=config, live=False, top_logs=None)
            for one in batch
        ]
        begun = start_all(self._writer, asks)
        self._writing.parts += begun
        drafts = await asyncio.gather(*map(collect, begun))
        return [
            Completion(
                draft.text,
                draft.end.usage if draft.end else Usage(),
                draft.end.finish if draft.end else "stop",
            )
            for draft in drafts
        ]


def _node(result: NodeResult) -> Json:
    return {
        "id": result.node,
        "key": result.key,
        "text": result.text,
        "rows": [dict(row) for row in result.rows],
        "failed": result.failed,
        "seconds": round(result.seconds, 3),
        "tokens": result.usage.prompt_tokens + result.usage.completion_tokens,
    }


def _lines(plan: Plan) -> str:
    return "\n".join(
        f"{node.id}: {node.kind}" + (f" of {', '.join(node.inputs)}" if node.inputs else "")
        for node in plan.nodes
    )
