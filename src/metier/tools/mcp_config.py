"""Which MCP servers the operator lists, in the JSON file that other clients read too."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metier.errors import DataError
from metier.types import Json


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server: a program to start, or an address."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    """Only these of its tools; empty for all."""
    tenant: str = ""
    """The only tenant that may use it; empty for all."""
    seconds: float = 30.0
    """For each call."""


_KEYS = {"command", "args", "env", "url", "headers", "tools", "tenant", "seconds"}


def read_servers(path: Path, environment: Mapping[str, str] | None = None) -> list[McpServer]:
    """Read ``{"mcpServers": {NAME: {...}}}``; ``${NAME}`` stands for a variable's value.

    Raises ``DataError`` that names the file and the server.
    """
    try:
        listed: Json = json.loads(path.read_text(encoding="utf-8"))["mcpServers"]
        found = dict(listed).items()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: no MCP servers can be read ({error!r}); write "
            '{"mcpServers": {"NAME": {"command": "...", "args": []}}} or {"url": "..."}'
        ) from error
    return servers_of(dict(found), str(path), environment)


def servers_of(
    listed: Mapping[str, Json], where: str, environment: Mapping[str, str] | None = None
) -> list[McpServer]:
    """The same from tables by name; ``where`` is named in errors."""
    known = os.environ if environment is None else environment
    return [_server(f"{where}: {name}", str(name), told, known) for name, told in listed.items()]


def _server(where: str, name: str, told: Json, known: Mapping[str, str]) -> McpServer:
    if not isinstance(told, dict) or bool(told.get("command")) == bool(told.get("url")):
        raise DataError(f"{where}: give either a command or a url")
    unknown = sorted(set(told) - _KEYS - {"type", "transport"})
    if unknown:
        raise DataError(f"{where}: there is no key {unknown[0]!r}; choose from {sorted(_KEYS)}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
        raise DataError(f"{where}: a name has up to 32 letters, digits, - and _")

    def filled(text: object) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda match: _value(where, match[1], known), str(text))

    try:
        return McpServer(
            name,
            filled(told.get("command", "")),
            tuple(filled(text) for text in told.get("args", ())),
            {key: filled(text) for key, text in told.get("env", {}).items()},
            filled(told.get("url", "")),
            {key: filled(text) for key, text in told.get("headers", {}).items()},
            tuple(str(tool) for tool in told.get("tools", ())),
            str(told.get("tenant", "")),
            float(told.get("seconds", 30.0)),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{where}: {error}") from error


def _value(where: str, name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        raise DataError(f"{where}: the environment has no variable {name}")
    return known[name]
