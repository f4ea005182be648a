"""``metier changes``: what became of whom between two days, from a specialist's store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.cli.console import JSON_OPTION, show_json
from metier.cli.follow import store_folder
from metier.cli.project import ProjectOption, project_folder
from metier.errors import DataError

if TYPE_CHECKING:
    from metier.types import Guide, Hit

_AT_ONCE = 1000
"""Documents that one query to the store names."""


def changes(
    recipe: Annotated[
        Path, typer.Argument(help="The recipe, or its folder, of a released specialist.")
    ],
    start: Annotated[str, typer.Option("--from", help="A day, or a release's name.")],
    end: Annotated[str, typer.Option("--to", help="A later day, or a release's name.")],
    entity: Annotated[str | None, typer.Option(help="Only of this one: its key or a name.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose documents, besides everybody's.")] = "",
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Tell what changed in a specialist's documents.

    Between two days, entity by entity.
    """
    from metier import serial
    from metier.methods import candidate as candidates
    from metier.methods.looked_up import GUIDE
    from metier.models.registry import LocalModels
    from metier.retrieval.authority.changing import changes_between
    from metier.retrieval.authority.timeline import told
    from metier.retrieval.store.build import open_index
    from metier.types import Guide

    specialist = project_folder(recipe, project) / "specialist"
    index = open_index(store_folder(specialist), LocalModels())
    documents = sorted(index.documents())
    found = [
        hit
        for first in range(0, len(documents), _AT_ONCE)
        for hit in index.passages_of(documents[first : first + _AT_ONCE], tenant=tenant)
        if hit.metadata.get("entity")
    ]
    if entity is not None:
        found = _about(entity, found, serial.read(Guide, specialist / GUIDE))
    releases = candidates.read(specialist).settings.get("releases") or {}
    changed = changes_between(found, releases.get(start, start), releases.get(end, end))
    if as_json:
        rows = [
            serial.to_json(one) | {"tier": tier} for (_, tier), those in changed for one in those
        ]
        show_json(rows)
        return
    for (key, tier), those in changed:
        typer.echo(f"{key} ({tier})" if tier else key)
        for one in those:
            typer.echo(f"  {told(one)}")


def _about(entity: str, hits: list[Hit], guide: Guide) -> list[Hit]:
    """What is about the entity of this key or name; ``DataError`` when nothing is."""
    from metier.retrieval.authority.aliases import AliasTable

    keys = {entity, *AliasTable(guide.names).resolve(entity)}
    found = [hit for hit in hits if hit.metadata.get("entity") in keys]
    if not found:
        raise DataError(
            f"nothing is about {entity!r}; give the key of an entity, or a name that the rung's "
            "`name_columns` or `names` have"
        )
    return found
