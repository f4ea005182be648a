"""From what the operator typed after ``--tool`` and ``--mcp`` to the tools that models may call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.protocols import Models, Tool
from metier.serving.catalogue.entries import Catalogue, Target, specialist_place
from metier.serving.catalogue.toolbox import Offered, QueuedRetriever, Toolbox
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.records.shelf import Shelf
from metier.tools.mcp_client import McpServers
from metier.tools.mcp_config import read_servers
from metier.tools.python import PythonTool
from metier.tools.release import has_documents, search_of
from metier.tools.sandbox import Sandbox

if TYPE_CHECKING:
    from metier.serving.start import ServeOptions


def open_toolbox(
    options: ServeOptions, catalogue: Catalogue, models: Models, batcher: Batcher
) -> Toolbox | None:
    """None where no tool is asked for; ``DataError`` for words that name none."""
    if not options.tools and options.mcp is None:
        return None
    offered: list[Offered] = []
    for word in options.tools:
        offered += _offered(word, catalogue, models, batcher)
    closing: list[Callable[[], None]] = []
    if options.mcp is not None:
        servers = McpServers(read_servers(options.mcp))
        offered += [Offered(tool, tenant=tool.server.tenant) for tool in servers.tools()]
        closing.append(servers.close)
    shelf = Shelf(options.book.with_name(f"{options.book.stem}-artifacts.sqlite"))
    shelf.forget(options.retention_days)
    return Toolbox(offered, shelf, closing=tuple(closing))


def _offered(word: str, catalogue: Catalogue, models: Models, batcher: Batcher) -> list[Offered]:
    if word == "python":
        return [Offered(_tried_python())]
    if word == "search":
        found = list(_own_searches(catalogue, models, batcher))
        if not found:
            raise DataError(
                "--tool search: no specialist that is served has documents; serve one of a "
                "retrieving rung, or name one with --tool search=PLACE"
            )
        return found
    target = Target.parse(word)
    place = specialist_place(Path(target.place).expanduser()) if target.name else None
    if place is None:
        raise DataError(
            f"--tool {word}: choose python, search, or NAME=PLACE with the place of a released "
            "specialist to search"
        )
    tool = _queued(place, models, batcher, name=target.name)
    return [Offered(tool, tenant=target.tenant)]


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
