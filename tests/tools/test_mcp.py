"""metier as a client of MCP servers and as one itself, both with the official SDK."""

import asyncio
import json
import os
import sys
import threading

import pytest

from metier.errors import DataError, EndpointError
from metier.tools.calling import call_tool
from metier.tools.mcp_client import McpServers
from metier.tools.mcp_config import McpServer, read_servers
from metier.types import ToolCall
from tests.joined import FAKES, environment
from tests.tools.released import write_release

mcp = pytest.importorskip("mcp")
uvicorn = pytest.importorskip("uvicorn")

OTHERS = ("-m", "tests.tools.mcp_others")
ROOT = str(FAKES.parents[1])


def others(**settings):
    settings = {"env": {"PYTHONPATH": ROOT}, "seconds": 20.0, **settings}
    return McpServer("others", sys.executable, OTHERS, **settings)


@pytest.fixture(scope="module")
def tools():
    os.environ["METIER_TEST_SECRET"] = "very-secret"
    servers = McpServers([others()])
    yield {tool.own_name: tool for tool in servers.tools()}
    servers.close()
    del os.environ["METIER_TEST_SECRET"]


def test_tools_of_a_program_are_called_with_their_schemas(tools):
    add = tools["add"]
    assert (add.name, add.description) == ("others__add", "Add two numbers.")
    assert set(add.parameters["properties"]) == {"a", "b"}
    assert call_tool(add, ToolCall({"a": 2, "b": 3})).text == "5"
    assert call_tool(add, ToolCall({"a": "two"})).failed


def test_pictures_become_artifacts_and_errors_failed_results(tools):
    made = call_tool(tools["picture"], ToolCall({})).artifacts
    assert [one.media_type for one in made] == ["image/png"]
    assert made[0].content.startswith(b"\x89PNG")
    failed = call_tool(tools["fail"], ToolCall({}))
    assert failed.failed and "Sunday" in failed.text


def test_a_server_is_told_nothing_of_our_environment(tools):
    assert "very-secret" not in call_tool(tools["environment"], ToolCall({})).text


def test_a_server_that_died_is_started_again(tools):
    assert call_tool(tools["die"], ToolCall({})).failed
    assert call_tool(tools["add"], ToolCall({"a": 1, "b": 1})).text == "2"


def test_a_server_that_does_not_answer_is_given_up():
    servers = McpServers([others(seconds=0.5, tools=("sleep",))])
    (sleep,) = servers.tools()
    assert "no answer in 0.5 s" in call_tool(sleep, ToolCall({"seconds": 1.5})).text
    servers.close()


def test_a_server_that_cannot_be_reached_is_named():
    with pytest.raises(EndpointError, match=r"'none' .*no-such-program"):
        McpServers([McpServer("none", "no-such-program")])
    with pytest.raises(EndpointError, match="'far'"):
        McpServers([McpServer("far", url="http://127.0.0.1:9/mcp", seconds=10)])


class _Keyed:
    """Lets in who brings the key."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        headers = dict(scope.get("headers", ()))
        if scope["type"] == "http" and headers.get(b"authorization") != b"Bearer right":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)


@pytest.fixture
def url():
    from tests.tools.mcp_others import server

    app = _Keyed(server.streamable_http_app())
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started and thread.is_alive():
        thread.join(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/mcp"
    running.should_exit = True
    thread.join()


def test_tools_over_http_with_a_key(url):
    right = {"Authorization": "Bearer right"}
    servers = McpServers([McpServer("web", url=url, headers=right, tools=("add",))])
    (add,) = servers.tools()
    assert call_tool(add, ToolCall({"a": 2, "b": 3})).text == "5"
    servers.close()
    with pytest.raises(EndpointError, match="'web'"):
        McpServers([McpServer("web", url=url, seconds=10)])


def test_the_list_of_servers_is_read_and_its_faults_named(tmp_path):
    path = tmp_path / "mcp.json"
    written = {
        "mcpServers": {
            "files": {"command": "files", "args": ["${PLACE}"], "tenant": "acme"},
            "web": {"url": "https://example.org/mcp", "headers": {"X-Key": "${KEY}"}},
        }
    }
    path.write_text(json.dumps(written), encoding="utf-8")
    files, web = read_servers(path, {"PLACE": "/data", "KEY": "k"})
    assert (files.args, files.tenant) == (("/data",), "acme")
    assert web.headers == {"X-Key": "k"}
    with pytest.raises(DataError, match=r"mcp\.json: files: the environment has no variable PLACE"):
        read_servers(path, {})
    for fault, said in (
        ({}, "either a command or a url"),
        ({"command": "a", "url": "b"}, "either a command or a url"),
        ({"command": "a", "arg": []}, "no key 'arg'"),
    ):
        path.write_text(json.dumps({"mcpServers": {"x": fault}}), encoding="utf-8")
        with pytest.raises(DataError, match=said):
            read_servers(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="mcpServers"):
        read_servers(path)


def test_the_official_client_searches_and_asks_metier(tmp_path):
    place = write_release(tmp_path / "release")
    parameters = mcp.StdioServerParameters(
        command=sys.executable,
        args=[str(FAKES), "mcp", str(place), "--python"],
        env={**environment(), "PYTHONPATH": f"{ROOT}/src{os.pathsep}{ROOT}"},
    )

    async def talk():
        async with mcp.Client(parameters, read_timeout_seconds=60) as client:
            listed = await client.list_tools()
            found = await client.call_tool("search", {"query": "king of Belmar"})
            asked = await client.call_tool("ask", {"question": "What is the king called?"})
            ran = await client.call_tool("python", {"code": "open('a.bin', 'wb').write(b'a')"})
            wrong = await client.call_tool("search", {"tier": 3})
            return listed, found, asked, ran, wrong

    listed, found, asked, ran, wrong = asyncio.run(talk())
    assert [tool.name for tool in listed.tools] == ["search", "ask", "python"]
    assert "Answer from the passages." in listed.tools[1].description
    assert found.content[0].text.startswith("[1] King") and not found.is_error
    assert found.structured_content["passages"][0]["uri"] == "king.txt"
    assert asked.content[0].text and not asked.is_error
    assert ran.content[1].resource.blob == "YQ=="
    assert wrong.is_error and "called wrongly" in wrong.content[0].text
