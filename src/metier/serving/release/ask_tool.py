"""The tool ``ask``: a released specialist's own answer, with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping

from metier.retrieval.grounding.render import answer_in_markdown
from metier.serving.release.specialist import Specialist
from metier.types import Json, Scope, ToolCall, ToolResult


class AskTool:
    """Puts a caller's question to a specialist, as measured; footnotes say what supports it.

    What no passage supports is marked.
    """

    name = "ask"
    parameters: Mapping[str, Json] = {
        "type": "object",
        "properties": {"question": {"type": "string", "minLength": 1}},
        "required": ["question"],
        "additionalProperties": False,
    }

    def __init__(self, specialist: Specialist) -> None:
        self._specialist = specialist
        task = specialist.candidate.task
        self.description = f"Ask the specialist whose task is: {task.instruction}"
        if task.labels:
            self.description += f" It answers with one of: {', '.join(task.labels)}."

    def call(self, call: ToolCall) -> ToolResult:
        """Its answer; that it abstained is said."""
        scope = Scope(tenant=call.tenant)
        answer = self._specialist.ask(str(call.arguments["question"]), scope=scope)
        text = answer_in_markdown(answer)
        if answer.probabilities:
            text += f" ({max(answer.probabilities.values()):.0%} sure)"
        return ToolResult(text)
