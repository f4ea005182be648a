"""Somebody else's MCP server, made with the official SDK; run as a program, or mounted."""

import os
import time

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6360"
    "f8cf000002010100ba8d2c600000000049454e44ae426082"
)
server = MCPServer("others")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def picture() -> Image:
    """A picture."""
    return Image(data=PIXEL, format="png")


@server.tool()
def fail() -> str:
    """Fails."""
    raise ToolError("it is Sunday")


@server.tool()
def sleep(seconds: float) -> str:
    """Sleeps."""
    time.sleep(seconds)
    return "slept"


@server.tool()
def die() -> str:
    """Ends the server."""
    os._exit(1)


@server.tool()
def environment() -> str:
    """What the server was started with."""
    return str(dict(os.environ))


if __name__ == "__main__":
    server.run()
