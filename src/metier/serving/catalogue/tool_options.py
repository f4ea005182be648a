"""From the operator's flags and file to the tools that models may call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from metier.errors import DataError
from metier.protocols import Models, Tool
from metier.serving.catalogue.entries import Catalogue, Target, specialist_place
from metier.serving.catalogue.tool_file import ToolFile, ToolTable, read_tool_file
from metier.serving.catalogue.toolbox import Offered, QueuedRetriever, Toolbox
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.records.shelf import Shelf
from metier.tools.mcp_client import McpServers
from metier.tools.mcp_config import read_servers, servers_of
from metier.tools.python import PythonTool
from metier.tools.release import has_documents, search_of
from metier.tools.sandbox import Sandbox
from metier.types import Budget


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """What the operator offers, from flags and from a file."""

    words: tuple[str, ...]
    """``python``, ``search``, ``NAME=PLACE`` or ``NAME@TENANT=PLACE``."""
    file: Path | None
    mcp: Path | None
    shelf: Path
    """Where artifacts are kept."""


def open_toolbox(
    options: ToolOptions, catalogue: Catalogue, models: Models, batcher: Batcher
) -> Toolbox | None:
    """None where no tool is asked for; ``DataError`` for words that name none."""
    if not options.words and options.file is None and options.mcp is None:
        return None
    listed = ToolFile() if options.file is None else read_tool_file(options.file)
    tables = [*map(_table, options.words), *listed.tools.items()]
    offered = [
        one for name, table in tables for one in _offered(name, table, catalogue, models, batcher)
    ]
    servers = servers_of(listed.mcp, str(options.file))
    servers += [] if options.mcp is None else read_servers(options.mcp)
    closing: list[Callable[[], None]] = []
    if servers:
        started = McpServers(servers)
        offered += [Offered(tool, tenant=tool.server.tenant) for tool in started.tools()]
        closing.append(started.close)
    most = Budget(listed.budget.steps, listed.budget.tokens, listed.budget.seconds)
    return Toolbox(offered, Shelf(options.shelf), most, closing=tuple(closing))


def _table(word: str) -> tuple[str, ToolTable]:
    """A word after ``--tool`` as the file would have it."""
    if word in ("python", "search"):
        return word, ToolTable()
    target = Target.parse(word)
    if not target.name:
        raise DataError(f"--tool {word}: {_CHOICES}")
    return target.name, ToolTable(place=target.place, tenant=target.tenant)


_CHOICES = "choose python, search, or NAME=PLACE with the place of a released specialist to search"


def _offered(
    name: str, table: ToolTable, catalogue: Catalogue, models: Models, batcher: Batcher
) -> list[Offered]:
    if table.place:
        place = specialist_place(Path(table.place).expanduser())
        if place is None:
            raise DataError(
                f"the tool {name}: {table.place} has no released specialist; {_CHOICES}"
            )
        return _for_models(_queued(place, models, batcher, name=name), table)
    if name == "python":
        return _for_models(_tried_python(), table)
    found = [
        one
        for one in _own_searches(catalogue, models, batcher)
        if (not table.models or one.model in table.models)
        and (not table.tenant or one.tenant in ("", table.tenant))
    ]
    if not found:
        raise DataError(
            "the tool search: no specialist that is served has documents; serve one of a "
            "retrieving rung, or name one with search=PLACE"
        )
    return found


def _for_models(tool: Tool, table: ToolTable) -> list[Offered]:
    return [Offered(tool, model, table.tenant) for model in table.models or ("",)]


def _own_searches(catalogue: Catalogue, models: Models, batcher: Batcher) -> Iterator[Offered]:
    for entry in catalogue:
        if isinstance(entry.writer, SpecialistWriter) and has_documents(entry.writer.directory):
            tool = _queued(entry.writer.directory, models, batcher, name="search")
            yield Offered(tool, entry.name, entry.tenant)


def _queued(place: Path, models: Models, batcher: Batcher, *, name: str) -> Tool:
    return search_of(place, models, name=name, through=lambda one: QueuedRetriever(one, batcher))


def _tried_python() -> PythonTool:
    """The tool, once it has run something: what cannot be walled in is found out at the start."""
    sandbox = Sandbox()
    sandbox.run("1")
    return PythonTool(sandbox)
