"""metier's own tools as an MCP server, for any client that speaks the protocol."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from metier.errors import MissingExtraError
from metier.protocols import Tool
from metier.tools.calling import call_tool
from metier.types import Artifact, Json, ToolCall, ToolResult


def serve_stdio(tools: Sequence[Tool], *, name: str) -> None:
    """Answer on the standard streams until the client closes them."""
    asyncio.run(_serve(make_server(tools, name=name)))


def make_server(tools: Sequence[Tool], *, name: str) -> Any:
    """The official SDK's ``Server`` over these tools; one call at a time, as engines want it."""
    try:
        import mcp_types as types
        from mcp.server import Server
    except ImportError as error:
        raise MissingExtraError("metier mcp", "mcp") from error
    known = {tool.name: tool for tool in tools}
    turn = asyncio.Lock()

    async def list_tools(context: Any, params: Any) -> Any:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    description=tool.description,
                    input_schema=dict(tool.parameters),
                )
                for tool in tools
            ]
        )

    async def call(context: Any, params: Any) -> Any:
        tool = known.get(params.name)
        if tool is None:
            text = f"there is no tool {params.name!r}; there are: {', '.join(known)}"
            result = ToolResult(text, failed=True)
        else:
            async with turn:
                result = await asyncio.to_thread(call_tool, tool, ToolCall(params.arguments or {}))
        return types.CallToolResult(
            content=[types.TextContent(text=result.text), *map(_block, result.artifacts)],
            structured_content=_structure(result),
            is_error=result.failed,
        )

    def _block(artifact: Artifact) -> Any:
        data = base64.b64encode(artifact.content).decode()
        if artifact.media_type.startswith("image/"):
            return types.ImageContent(data=data, mime_type=artifact.media_type)
        held = types.BlobResourceContents(
            uri=f"metier://artifacts/{artifact.name}", mime_type=artifact.media_type, blob=data
        )
        return types.EmbeddedResource(resource=held)

    return Server(name, on_list_tools=list_tools, on_call_tool=call)


def _structure(result: ToolResult) -> Json:
    """The passages, so that a client can show where they come from."""
    if not result.hits:
        return None
    return {
        "passages": [
            {
                "number": place,
                "id": hit.chunk.id,
                "text": hit.chunk.text,
                "title": hit.chunk.title,
                "uri": hit.uri,
                "tier": hit.tier,
                "span": asdict(hit.chunk.source),
            }
            for place, hit in enumerate(result.hits, 1)
        ]
    }


async def _serve(server: Any) -> None:
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
