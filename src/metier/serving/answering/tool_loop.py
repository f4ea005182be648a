"""Lets a model call the server's tools until it answers: model, tool, model, within a budget."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from metier.protocols import Tool
from metier.retrieval.grounding.gemini import as_gemini
from metier.retrieval.grounding.ground import ground
from metier.serving.answering.steps import Steps, StepWriter, steps_of
from metier.serving.answering.turns import (
    JsonMessage,
    Turn,
    conversation_of,
    read_call,
    reply_only,
    turn_of,
)
from metier.serving.engines.reading import Written, collect
from metier.serving.engines.writing import Ask, End, Piece, Writer, Writing
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import (
    CalledFunction,
    ChatMessage,
    ChatRequest,
    FunctionSchema,
    ToolCall,
)
from metier.serving.gate.wire import Tool as FunctionTool
from metier.tools.calling import call_tool
from metier.tracing import span
from metier.types import Artifact, Budget, Hit, Json, ToolResult, Usage
from metier.types import ToolCall as Call

LEAST_TOKENS = 64
"""With fewer left of the budget, the model is made to answer."""


def with_tools(body: ChatRequest, visit: Visit) -> tuple[Writer, Turn]:
    """The model behind its tools as one writer; ``Refusal`` 400 for tools that are not offered."""
    steps = steps_of(body, visit, param="tools")
    tools = steps.toolbox.chosen(body.served, body.model, visit.caller.tenant)
    turn = turn_of(_request(body, tools, "none"))
    read = read_call if body.functions else None
    writer = StepWriter(ToolLoop(steps, tools).run)
    return writer, replace(turn, read=read)


def _request(body: ChatRequest, tools: Mapping[str, Tool], choice: Json) -> ChatRequest:
    """The request as if all tools were the client's."""
    served = [
        FunctionTool(
            type="function",
            function=FunctionSchema(
                name=name, description=tool.description, parameters=dict(tool.parameters)
            ),
        )
        for name, tool in tools.items()
    ]
    return body.model_copy(update={"tools": [*served, *body.functions], "tool_choice": choice})


@dataclass
class _Run:
    """What one loop has done so far."""

    messages: list[ChatMessage]
    deadline: float
    budget: Budget
    usage: Usage = field(default_factory=Usage)
    steps: list[Json] = field(default_factory=list)
    artifacts: list[Json] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)

    @property
    def tokens_left(self) -> int:
        """Of the budget."""
        return self.budget.tokens - self.usage.prompt_tokens - self.usage.completion_tokens

    def spent(self) -> str | None:
        """Which part of the budget is used up, if one is."""
        if len(self.steps) >= self.budget.steps:
            return "steps"
        calls = [(step["tool"], step["arguments"]) for step in self.steps[-2:]]
        if len(calls) == 2 and calls[0] == calls[1]:
            return "repetition"
        if self.tokens_left < LEAST_TOKENS:
            return "tokens"
        return "seconds" if time.monotonic() >= self.deadline else None


@dataclass(frozen=True, slots=True)
class ToolLoop:
    """Model and tools in turn; the text is the model's last, the end has the steps to it."""

    steps: Steps
    tools: Mapping[str, Tool]

    async def run(self, ask: Ask, writing: Writing) -> tuple[str, End]:
        """Until the model answers, or calls a tool of the client's own."""
        body, budget = self.steps.body, self.steps.budget
        run = _Run(list(body.messages), time.monotonic() + budget.seconds, budget)
        while True:
            stopped = run.spent()
            turn = self._turn(run, stopped)
            written = await self._write(ask, turn, run, writing)
            message = turn.read(written.text) if turn.read else {"content": written.text}
            call = self._served_call(message)
            if call is None:
                break
            if ask.live:  # the stream begins, so that a client that hangs up is noticed
                writing.tell(Piece(""))
            await self._step(call, run)
        content = message.get("content")
        text = written.text if content is None else str(content)
        end = await self._end(run, written, text, stopped)
        said = message if message.get("tool_calls") else {"content": text}
        return text, replace(end, message=said)

    def _turn(self, run: _Run, stopped: str | None) -> Turn:
        """What the model is asked next; a tool may be demanded only once, so that it can end."""
        choice: Json = "auto" if run.steps else self.steps.body.tool_choice or "auto"
        request = _request(self.steps.body, self.tools, "none" if stopped else choice)
        turn = turn_of(request.model_copy(update={"messages": run.messages}))
        if not stopped:
            return turn
        return replace(turn, config=reply_only(turn.config), read=read_call)

    async def _write(self, ask: Ask, turn: Turn, run: _Run, writing: Writing) -> Written:
        most = min(ask.config.max_new_tokens, max(LEAST_TOKENS, run.tokens_left))
        config = replace(turn.config, seed=ask.config.seed, max_new_tokens=most)
        asked = replace(ask, prompt=turn.conversation, config=config, live=False)
        writing.parts.append(self.steps.writer.start(asked))
        written = await collect(writing.parts[-1])
        run.usage += written.end.usage if written.end else Usage()
        return written

    def _served_call(self, message: JsonMessage) -> ToolCall | None:
        """The call of one of the server's tools; None for an answer and for the client's own."""
        for call in message.get("tool_calls") or ():
            if call["function"]["name"] in self.tools:
                return ToolCall(id=call["id"], function=CalledFunction(**call["function"]))
        return None

    async def _step(self, called: ToolCall, run: _Run) -> None:
        """Call the tool, keep what it made, and lay the result before the model."""
        started = time.monotonic()
        tool, tenant = self.tools[called.function.name], self.steps.visit.caller.tenant
        arguments = json.loads(called.function.arguments)
        call = Call(arguments, tenant, dict(run.files))
        left = max(0.1, run.deadline - started)
        loop = asyncio.get_running_loop()
        named = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool.name}
        try:
            with span(f"execute_tool {tool.name}", named):
                working = loop.run_in_executor(self.steps.toolbox.workers, call_tool, tool, call)
                result = await asyncio.wait_for(working, left)
        except TimeoutError:
            result = ToolResult("There was no time left for this call.", failed=True)
        seconds = time.monotonic() - started
        step: Json = {
            "tool": tool.name,
            "arguments": arguments,
            "result": result.text,
            "failed": result.failed,
            "seconds": round(seconds, 3),
            "artifacts": [self._keep(one, run) for one in result.artifacts],
        }
        run.steps.append(step)
        run.queries += [str(arguments["query"])] if result.hits and "query" in arguments else []
        run.hits += [hit for hit in result.hits if hit.key not in _keys(run.hits)]
        run.messages.append(ChatMessage(role="assistant", tool_calls=[called]))
        run.messages.append(ChatMessage(role="tool", content=result.text, tool_call_id=called.id))
        told = {name: step[name] for name in ("result", "failed", "seconds")}
        self.steps.note(len(run.steps), tool.name, arguments, **told)

    def _keep(self, artifact: Artifact, run: _Run) -> str:
        """Its id on the shelf; a name that is taken gets a number."""
        name, place = artifact.name, 1
        while name in run.files and run.files[name] != artifact.content:
            place += 1
            stem, dot, ending = artifact.name.rpartition(".")
            name = f"{stem or ending}-{place}{dot}{ending if stem else ''}"
        if "/" not in name:
            run.files[name] = artifact.content
        kept = self.steps.keep(replace(artifact, name=name))
        cited = [hit.chunk.id for hit in run.hits]
        run.artifacts.append({**kept, "step": len(run.steps), "cited": cited})
        return str(kept["id"])

    async def _end(self, run: _Run, written: Written, text: str, stopped: str | None) -> End:
        extras: dict[str, Json] = {"steps": run.steps, "artifacts": run.artifacts}
        if stopped is not None:
            extras["stopped_by"] = stopped
        if run.hits:
            question = conversation_of(self.steps.body.messages)[-1].content
            found = await asyncio.to_thread(ground, question, text, hits=run.hits)
            told = replace(found.grounding, queries=tuple(run.queries))
            extras["grounding"] = as_gemini(text, told)
        finish = written.end.finish if written.end else "stop"
        return End(finish, run.usage, extras)


def _keys(hits: list[Hit]) -> set[tuple[str, str]]:
    return {hit.key for hit in hits}
