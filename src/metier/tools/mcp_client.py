"""Tools of MCP servers, over standard streams or HTTP, through the official client."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from metier.errors import EndpointError, MissingExtraError
from metier.tools.mcp_config import McpServer
from metier.tools.python import media_type
from metier.types import Artifact, Json, ToolCall, ToolResult

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class McpTool:
    """One tool of a server; its name has the server's before it."""

    name: str
    description: str
    parameters: Mapping[str, Json]
    server: McpServer
    own_name: str
    _connection: _Connection

    def call(self, call: ToolCall) -> ToolResult:
        """Ask the server; one that is gone is started or reached again, once."""
        told: Any = self._connection.call(self.own_name, dict(call.arguments))
        return _result(told)


class McpServers:
    """Connections that stay open in a thread of their own until ``close``."""

    def __init__(self, servers: Sequence[McpServer]) -> None:
        """Connect to all; ``EndpointError`` names the one that cannot be reached."""
        _sdk()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="metier-mcp", daemon=True
        )
        self._thread.start()
        self._connections = [_Connection(server, self._loop) for server in servers]
        try:
            for connection in self._connections:
                connection.open()
        except BaseException:
            self.close()
            raise

    def tools(self) -> list[McpTool]:
        """The tools of all servers that the operator lets through."""
        return [tool for connection in self._connections for tool in _tools(connection)]

    def close(self) -> None:
        """End every connection and every program that was started."""
        for connection in self._connections:
            connection.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Connection:
    """One server's session; its life is one task, which the SDK's scopes demand."""

    def __init__(self, server: McpServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.listed: list[Any] = []
        self._loop = loop
        self._client: Any = None
        self._life: Future[None] | None = None
        self._stop: asyncio.Event | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Connect and list the tools."""
        ready: Future[None] = Future()
        self._life = asyncio.run_coroutine_threadsafe(self._live(ready), self._loop)
        try:
            ready.result(max(_START_SECONDS, self.server.seconds))
        except Exception as error:
            self.close()
            raise EndpointError(
                f"the MCP server {self.server.name!r} "
                f"({self.server.url or self.server.command}) cannot be used: {_cause(error)}"
            ) from error

    def call(self, name: str, arguments: dict[str, Json]) -> object:
        """Call a tool; connect again first where the connection is gone."""
        with self._lock:
            if self._client is None:
                self.close()
                self.open()
        try:
            return self._wait(self._client.call_tool(name, arguments))
        except Exception as error:
            raise EndpointError(
                f"the MCP server {self.server.name!r} did not answer: {_cause(error)}"
            ) from error

    def close(self) -> None:
        """End the session and wait for it."""
        if self._life is None:
            return
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        try:
            self._life.result(10)
        except Exception:  # it is gone either way
            self._life.cancel()
        self._life = None

    async def _live(self, ready: Future[None]) -> None:
        self._stop = asyncio.Event()
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(await _client(self.server, stack))
                self.listed = await _all_tools(client)
                self._client = client
                ready.set_result(None)
                await self._stop.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(EndpointError(_cause(error)))
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
        finally:
            self._client = None

    def _wait(self, asked: Awaitable[object]) -> object:
        async def within() -> object:
            try:
                return await asyncio.wait_for(asked, self.server.seconds)
            except TimeoutError:
                raise EndpointError(f"no answer in {self.server.seconds:g} s") from None
            except Exception as error:
                if _is_gone(error) and self._stop is not None:
                    self._stop.set()  # the next call connects again
                    self._client = None
                raise

        return asyncio.run_coroutine_threadsafe(within(), self._loop).result()


def _sdk() -> Any:
    try:
        import mcp
    except ImportError as error:
        raise MissingExtraError("tools of MCP servers", "mcp") from error
    return mcp


async def _client(server: McpServer, stack: AsyncExitStack) -> Any:
    sdk = _sdk()
    if server.command:
        how = sdk.StdioServerParameters(
            command=server.command, args=list(server.args), env=dict(server.env)
        )
        return sdk.Client(how)
    if not server.headers:
        return sdk.Client(server.url)
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    http = await stack.enter_async_context(
        httpx2.AsyncClient(headers=dict(server.headers), timeout=server.seconds)
    )
    return sdk.Client(streamable_http_client(server.url, http_client=http))


async def _all_tools(client: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while len(found) < 1000:
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _tools(connection: _Connection) -> list[McpTool]:
    server = connection.server
    return [
        McpTool(
            re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.name}__{tool.name}")[:64],
            tool.description or "",
            tool.input_schema,
            server,
            tool.name,
            connection,
        )
        for tool in connection.listed
        if not server.tools or tool.name in server.tools
    ]


def _result(told: Any) -> ToolResult:
    """Texts for the model to read, pictures and files as artifacts."""
    texts: list[str] = []
    artifacts: list[Artifact] = []
    for place, block in enumerate(told.content, 1):
        if block.type == "text":
            texts.append(block.text)
        elif block.type in ("image", "audio"):
            ending = block.mime_type.partition("/")[2].partition("+")[0]
            content = base64.b64decode(block.data)
            artifacts.append(Artifact(f"{block.type}-{place}.{ending}", block.mime_type, content))
        elif block.type == "resource" and hasattr(block.resource, "text"):
            texts.append(block.resource.text)
        elif block.type == "resource":
            name = str(block.resource.uri).rstrip("/").rpartition("/")[2] or f"file-{place}"
            kind = block.resource.mime_type or media_type(name)
            artifacts.append(Artifact(name, kind, base64.b64decode(block.resource.blob)))
        elif block.type == "resource_link":
            texts.append(f"{block.name}: {block.uri}")
    if not texts and told.structured_content is not None:
        texts.append(json.dumps(told.structured_content, ensure_ascii=False))
    text = "\n".join(texts) or f"Files made: {', '.join(one.name for one in artifacts) or 'none'}"
    return ToolResult(text, tuple(artifacts), failed=told.is_error)


def _is_gone(error: BaseException) -> bool:
    return "closed" in f"{type(error).__name__} {error}".lower() or isinstance(error, OSError)


def _cause(error: BaseException) -> str:
    """The innermost of grouped errors, in words."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error) or type(error).__name__
