"""What the operator types after ``--tool`` and ``--mcp``, up to an answer."""

import json
import sys
from types import SimpleNamespace

import openai
import pytest

from metier.errors import DataError
from metier.models.fake import FakeModels
from metier.serving import start
from metier.serving.start import ServeOptions, open_gateway
from tests.serving.server import serving
from tests.tools.released import write_release
from tests.tools.scripted import Scripted

ROOT = __file__.rpartition("/tests/")[0]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Open a gateway with these options; its language model says these texts."""

    def begin(*targets, texts=(), **options):
        fakes, model = FakeModels(), Scripted(*texts)
        models = SimpleNamespace(
            language_model=lambda name, adapter=None: model, embedder=fakes.embedder
        )
        monkeypatch.setattr(start.registry, "LocalModels", lambda engine, keep: models)
        book = tmp_path / "book.sqlite"
        return open_gateway(
            ServeOptions(targets, book=book, embedder=None, engine="transformers", **options)
        )

    return begin


def test_a_specialists_own_search_is_called_by_its_base(opened, tmp_path):
    place = write_release(tmp_path / "release")
    call = json.dumps({"name": "search", "arguments": {"query": "king of Belmar"}})
    gateway = opened(
        f"docs={place}", "base=fake", texts=[call, '{"content": "Ostrin."}'], tools=("search",)
    )
    assert gateway.toolbox.of("base", "") == {}
    with serving(gateway) as url:
        message = (
            openai.OpenAI(base_url=url, api_key="none", max_retries=0)
            .chat.completions.create(
                model="docs",
                messages=[{"role": "user", "content": "Who is king?"}],
                tools=[{"type": "metier", "name": "search"}],
            )
            .choices[0]
            .message
        )
    assert message.content == "Ostrin." and message.steps[0]["tool"] == "search"
    assert "Ostrin" in message.steps[0]["result"]


def test_searches_by_name_are_their_tenants(opened, tmp_path):
    place = write_release(tmp_path / "release")
    gateway = opened("fake", tools=(f"law@acme={place}", f"docs={place}"))
    assert sorted(gateway.toolbox.of("fake", "acme")) == ["docs", "law"]
    assert sorted(gateway.toolbox.of("fake", "other")) == ["docs"]
    gateway.close()


def test_tools_of_mcp_servers_are_offered(opened, tmp_path):
    pytest.importorskip("mcp")
    server = {
        "command": sys.executable,
        "args": ["-m", "tests.tools.mcp_others"],
        "env": {"PYTHONPATH": ROOT},
        "tools": ["add"],
        "tenant": "acme",
    }
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"others": server}}))
    gateway = opened("fake", mcp=tmp_path / "mcp.json")
    assert list(gateway.toolbox.of("fake", "acme")) == ["others__add"]
    assert gateway.toolbox.of("fake", "") == {}
    gateway.close()


def test_words_that_name_no_tool_are_refused_at_the_start(opened, tmp_path):
    for word in ("shell", "search", f"docs={tmp_path}"):
        with pytest.raises(DataError, match=f"--tool {word}"):
            opened("fake", tools=(word,))
    assert opened("fake").toolbox is None
