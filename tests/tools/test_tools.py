"""The tools that models call, by themselves."""

import json
from typing import ClassVar

import pytest

from metier.protocols import Tool
from metier.tools.calling import call_tool
from metier.tools.python import PythonTool
from metier.tools.sandbox import Sandbox
from metier.tools.search import SearchTool
from metier.types import SandboxLimits, ToolCall, ToolResult
from tests.tools.scripted import store

TEXTS = ["The mill ground 40 tons in May.", "The mill ground 70 tons in June.", "Bread is baked."]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return store(tmp_path_factory.mktemp("tools") / "index", TEXTS, tiers=["law", "law", "blog"])


def test_a_search_numbers_its_passages_and_hands_them_over(index):
    tool = SearchTool(index, tiers=["law", "blog"], k=2)
    assert isinstance(tool, Tool)
    result = call_tool(tool, ToolCall({"query": "tons in June"}))
    assert result.text.startswith("[1] Page 1, law\nThe mill ground 70 tons in June.")
    assert result.hits[0].chunk.id == "c1"
    rows = json.loads(result.artifacts[0].content)
    assert rows[0]["number"] == 1 and rows[0]["uri"] == "https://example.org/1"


def test_a_search_keeps_to_the_tier_asked_for(index):
    tool = SearchTool(index, tiers=["law", "blog"])
    found = call_tool(tool, ToolCall({"query": "mill tons", "tier": "blog"})).hits
    assert [hit.tier for hit in found] == ["blog"]
    wrong = call_tool(tool, ToolCall({"query": "mill", "tier": "rumour"}))
    assert wrong.failed and "rumour" in wrong.text


def test_a_tenant_finds_its_own_and_everybodys_and_nobody_elses(tmp_path):
    tool = SearchTool(store(tmp_path, TEXTS, tenants=["", "acme", "other"]))
    found = call_tool(tool, ToolCall({"query": "mill bread"}, tenant="acme")).hits
    assert sorted(hit.chunk.id for hit in found) == ["c0", "c1"]
    assert [hit.chunk.id for hit in call_tool(tool, ToolCall({"query": "bread"})).hits] == ["c0"]


def test_code_reads_what_was_found_and_draws_it(index):
    found = call_tool(SearchTool(index, k=2), ToolCall({"query": "mill tons"}))
    files = {one.name: one.content for one in found.artifacts}
    code = (
        "import json, re\nrows = json.load(open('passages.json'))\n"
        "sorted(int(re.search(r'\\d+', row['text'])[0]) for row in rows)"
    )
    result = call_tool(PythonTool(), ToolCall({"code": code}, files=files))
    assert (result.text, result.failed) == ("[40, 70]", False)
    assert not result.artifacts  # what went in does not come out


def test_what_goes_wrong_is_told_to_the_model():
    tool = PythonTool(Sandbox(SandboxLimits(seconds=0.5), packages=()))
    assert "ZeroDivisionError" in call_tool(tool, ToolCall({"code": "1 / 0"})).text
    assert "too long" in call_tool(tool, ToolCall({"code": "while True: pass"})).text
    wrong = call_tool(tool, ToolCall({"program": "1"}))
    assert wrong.failed and "called wrongly" in wrong.text


class _Broken:
    name, description = "broken", ""
    parameters: ClassVar = {"type": "object"}

    def __init__(self, text=None):
        self._text = text

    def call(self, call):
        if self._text is None:
            raise RuntimeError("secret path")
        return ToolResult(self._text)


def test_a_broken_tool_tells_nothing_of_its_insides_and_a_long_result_is_cut(caplog):
    result = call_tool(_Broken(), ToolCall({}))
    assert result.failed and "secret" not in result.text and "secret" in caplog.text
    long = call_tool(_Broken("a" * 9000 + "end"), ToolCall({})).text
    assert len(long) < 7000 and long.endswith("end")
