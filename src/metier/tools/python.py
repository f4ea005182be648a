"""The tool ``python``: code in the sandbox, whose pictures and files become artifacts."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping

from metier.tools.sandbox import Ran, Sandbox
from metier.types import Artifact, Json, ToolCall, ToolResult


class PythonTool:
    """Runs Python; what earlier calls made lies in its folder."""

    name = "python"
    description = (
        "Run Python code, to calculate or to draw. numpy, pandas and matplotlib are there where "
        "they are installed; there is no network. The last expression is printed, figures are "
        "kept as pictures, and files that are written are handed over."
    )
    parameters: Mapping[str, Json] = {
        "type": "object",
        "properties": {"code": {"type": "string", "minLength": 1, "description": "A program."}},
        "required": ["code"],
        "additionalProperties": False,
    }

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox or Sandbox()

    def call(self, call: ToolCall) -> ToolResult:
        """Run the code; ``SandboxError`` where this machine cannot wall it in."""
        ran = self._sandbox.run(str(call.arguments["code"]), files=call.files)
        artifacts = tuple(
            Artifact(name, media_type(name), content) for name, content in ran.files.items()
        )
        return ToolResult(_told(ran), artifacts, failed=ran.ending != "finished")


def media_type(name: str) -> str:
    """What kind of file a name says that it is."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


_ENDINGS = {
    "time": "It took too long and was stopped.",
    "memory": "It needed more memory than it may have.",
    "output": "It printed too much and was stopped.",
    "killed": "It crashed.",
}


def _told(ran: Ran) -> str:
    parts = [ran.stdout.strip(), ran.stderr.strip(), _ENDINGS.get(ran.ending, "")]
    if ran.files:
        parts.append(f"Files made: {', '.join(ran.files)}")
    if ran.left_out:
        parts.append(f"Files too large or of no plain kind: {', '.join(ran.left_out)}")
    return "\n".join(part for part in parts if part) or "It ran and printed nothing."
