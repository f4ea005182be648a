"""What the operator types after ``--tool`` and ``--mcp``, up to an answer."""

import json
import sys
from types import SimpleNamespace

import openai
import pytest

from metier.errors import DataError, UserError
from metier.models.engines.fake import FakeModels
from metier.serving import start
from metier.serving.gate.access import create_key
from metier.serving.start import ServeOptions, open_gateway
from metier.types import Budget
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
        monkeypatch.setattr(start.registry, "LocalModels", lambda **settings: models)
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
    for word, said in (
        ("shell", "--tool shell: choose"),
        ("search", "no specialist that is served has documents"),
        (f"docs={tmp_path}", "the tool docs: .* has no released specialist"),
    ):
        with pytest.raises(DataError, match=said):
            opened("fake", tools=(word,))
    assert opened("fake").toolbox is None


FILE = """
[tools.python]
models = ["fake"]

[tools.law]
place = "release"
tenant = "acme"

[mcp.others]
command = "{python}"
args = ["-m", "tests.tools.mcp_others"]
env = {{ PYTHONPATH = "{root}" }}
tools = ["add"]

[budget]
steps = 2
"""


def test_a_file_says_the_same_and_for_which_models_and_how_much(opened, tmp_path):
    pytest.importorskip("mcp")
    write_release(tmp_path / "release")
    file = tmp_path / "tools.toml"
    file.write_text(FILE.format(python=sys.executable, root=ROOT))
    call = json.dumps({"name": "law", "arguments": {"query": "king of Belmar"}})
    gateway = opened("fake", texts=[call, '{"content": "Ostrin."}'], tool_file=file)
    offered = gateway.toolbox.of
    assert sorted(offered("fake", "acme")) == ["law", "others__add", "python"]
    assert sorted(offered("another", "")) == ["others__add"]
    assert gateway.toolbox.budget == Budget(steps=2)
    key = create_key(gateway.book, "one", tenant="acme")
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
        answer = client.chat.completions.create(
            model="fake",
            messages=[{"role": "user", "content": "Who is king?"}],
            tools=[{"type": "metier", "name": "law"}],
        )
    assert "Ostrin" in answer.choices[0].message.steps[0]["result"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.python]", r"tools.toml:1: tool: unknown key; did you mean `tools`"),
        ('[tools.law]\nplaces = "x"', r"tools.toml:2: tools.law.places: unknown key; did you mean"),
        ("[budget]\n\nsteps = -1", r"tools.toml:3: budget.steps"),
        ("[tools.law]", "tools.law is missing the place"),
        ("[mcp.x]", "x: give either a command or a url"),
        ("tools", "not valid TOML"),
    ],
)
def test_faults_of_the_file_are_told_with_their_place(opened, tmp_path, text, said):
    file = tmp_path / "tools.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        opened("fake", tool_file=file)
