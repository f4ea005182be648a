"""The file in which an operator lists the server's tools, for whom, and what they may take."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from metier.errors import DataError
from metier.recipe.reading import parse_toml
from metier.recipe.tables import Section
from metier.types import Json


class ToolTable(Section):
    """``[tools.NAME]``: ``python``, ``search``, or a search of any other name with its place."""

    place: str = ""
    """A release whose documents to search; relative to the file. Only ``search`` may leave it
    out: it is then the own documents of each specialist."""
    tenant: str = ""
    """The only one that may ask for it; empty for everybody."""
    models: list[str] = Field(default_factory=list)
    """The only ones that may call it; empty for all."""


class BudgetTable(Section):
    """``[budget]``: no request gets more."""

    steps: int = Field(default=6, ge=0)
    tokens: int = Field(default=16384, ge=1)
    seconds: float = Field(default=120.0, gt=0)


class ToolFile(Section):
    """The whole file."""

    tools: dict[str, ToolTable] = Field(default_factory=dict)
    mcp: dict[str, dict[str, Json]] = Field(default_factory=dict)
    """``[mcp.NAME]``: a server, with the keys of the JSON file of ``--mcp``."""
    budget: BudgetTable = Field(default_factory=BudgetTable)

    @model_validator(mode="after")
    def _each_is_whole(self) -> ToolFile:
        for name, table in self.tools.items():
            if name == "python" and (table.place or table.tenant):
                raise ValueError("tools.python searches nothing and takes neither place nor tenant")
            if name not in ("python", "search") and not table.place:
                raise ValueError(f"tools.{name} is missing the place of a released specialist")
        return self


def read_tool_file(path: Path) -> ToolFile:
    """Read and check it; ``RecipeError`` names file, line and key of every problem."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--tools {path} cannot be read: {error}") from error
    listed = parse_toml(text, ToolFile, file=str(path))
    placed = {name: _placed(table, path.parent) for name, table in listed.tools.items()}
    return listed.model_copy(update={"tools": placed})


def _placed(table: ToolTable, folder: Path) -> ToolTable:
    place = table.place and str(folder / Path(table.place).expanduser())
    return table.model_copy(update={"place": place})
