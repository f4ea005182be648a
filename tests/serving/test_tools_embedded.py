"""The embedded model calls the server's tools.

Which words a model of 135M parameters writes is not asserted: they differ between processors.
"""

from typing import ClassVar

import openai
import pytest

from metier.serving.shelf import Shelf
from metier.serving.start import ServeOptions, open_gateway
from metier.serving.toolbox import Offered, Toolbox
from metier.types import ToolResult
from tests.serving.server import serving

NAME = "smollm2-135m-instruct"


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
def test_the_embedded_model_calls_a_tool_and_answers_after_its_result(tmp_path):
    gateway = open_gateway(ServeOptions(book=tmp_path / "book", embedder=None, cache_tokens=4096))
    toolbox = Toolbox([Offered(Opening())], Shelf(tmp_path / "shelf"))
    object.__setattr__(gateway, "toolbox", toolbox)
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        answer = client.chat.completions.create(
            model=NAME,
            messages=[{"role": "user", "content": "When does the shop open on Tuesday?"}],
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
