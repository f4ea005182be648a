"""The embedded model calls the server's tools.

Which words a model of 135M parameters writes is not asserted: they differ between processors.
"""

from dataclasses import replace
from typing import ClassVar

import openai
import pytest

from metier.serving.catalogue.toolbox import Offered, Toolbox
from metier.serving.records.shelf import Shelf
from metier.types import ToolResult
from tests.serving.server import serving


class Opening:
    """When the shop opens."""

    name, description = "opening", "Tells when the shop opens on a day."
    parameters: ClassVar = {
        "type": "object",
        "properties": {"day": {"enum": ["Monday", "Tuesday", "Sunday"]}},
        "required": ["day"],
        "additionalProperties": False,
    }

    def call(self, call):
        return ToolResult(f"On {call.arguments['day']} it opens at ten.")


@pytest.mark.models
def test_the_embedded_model_calls_a_tool_and_answers_after_its_result(embedded, tmp_path):
    toolbox = Toolbox([Offered(Opening())], Shelf(tmp_path / "shelf"))
    with serving(replace(embedded.gateway, toolbox=toolbox)) as url:
        answer = embedded.ask(
            "When does the shop open on Tuesday?",
            client=openai.OpenAI(base_url=url, api_key="none", max_retries=0),
            tools=[{"type": "metier", "name": "opening"}],
            tool_choice="required",
            max_tokens=48,
            extra_body={"tool_budget": {"steps": 1}},
        )
    message = answer.choices[0].message
    (step,) = message.steps
    day = step["arguments"]["day"]
    assert day in Opening.parameters["properties"]["day"]["enum"]
    assert step["result"] == f"On {day} it opens at ten."
    assert message.content.strip()
    assert message.stopped_by == "steps"
