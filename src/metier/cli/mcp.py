"""``metier mcp``: a released specialist as an MCP server on the standard streams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    specialist: Annotated[
        Path, typer.Argument(help="A specialist's directory, a recipe, or a recipe's folder.")
    ],
    python: Annotated[bool, typer.Option(help="Offer Python in the sandbox as well.")] = False,
) -> None:
    """Let MCP clients search a specialist's documents and ask it.

    They speak to it on the standard streams.
    """
    from metier.cli.project import specialist_folder
    from metier.models.registry import LocalModels
    from metier.protocols import Tool
    from metier.serving.release.ask_tool import AskTool
    from metier.serving.release.specialist import load, read_release
    from metier.tools.mcp_server import serve_stdio
    from metier.tools.python import PythonTool
    from metier.tools.release import has_documents, search_of

    place = specialist_folder(specialist)
    models = LocalModels(engine=read_release(place).engine)
    tools: list[Tool] = [AskTool(load(place, models=models))]
    if has_documents(place):
        tools.insert(0, search_of(place, models))
    if python:
        tools.append(PythonTool())
    serve_stdio(tools, name="metier")
