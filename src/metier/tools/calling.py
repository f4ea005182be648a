"""One call of a tool by name: arguments checked, errors told to the model, text kept short."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metier.errors import MetierError, MissingExtraError
from metier.protocols import Tool
from metier.types import Json, ToolCall, ToolResult

_log = logging.getLogger("metier.tools")

MOST_CHARACTERS = 6000
"""Of a result that a model reads: about 1,500 tokens, several of which fit in 8,192."""


def call_tool(tool: Tool, call: ToolCall) -> ToolResult:
    """The tool's result; what goes wrong is a failed result that says so, never an exception."""
    fault = fault_in(tool.parameters, call.arguments)
    if fault is not None:
        return ToolResult(f"{tool.name} was called wrongly: {fault}", failed=True)
    try:
        result = tool.call(call)
    except MetierError as error:
        return ToolResult(f"{tool.name} cannot do this: {error}", failed=True)
    except Exception:
        _log.exception("the tool %s failed", tool.name)
        return ToolResult(f"{tool.name} failed; the server's log says why", failed=True)
    if len(result.text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        short = f"{result.text[:half]}\n[...]\n{result.text[-half:]}"
        result = replace(result, text=short)
    return result


def fault_in(schema: Mapping[str, Json], value: Json) -> str | None:
    """Why a value does not fit a JSON Schema; None when it does."""
    try:
        jsonschema: Any = importlib.import_module("jsonschema")
    except ImportError as error:
        raise MissingExtraError("calling tools", "serve") from error
    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as error:
        where = ".".join(map(str, error.absolute_path))
        return f"{where}: {error.message}" if where else str(error.message)
    except jsonschema.SchemaError as error:
        return f"its own schema is broken: {error.message}"
    return None
