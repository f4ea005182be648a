"""``metier follow``: take a stream's documents into a store while it is being asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metier.cli.project import ProjectOption, open_recipe, project_folder
from metier.errors import DataError, ModelFileError

if TYPE_CHECKING:
    from metier.models.registry import LocalModels
    from metier.recipe import SourceSettings
    from metier.retrieval.store.live import Store
    from metier.sources.described import Description
    from metier.types import Malformed


def follow(
    recipe: Annotated[
        Path, typer.Argument(help="The recipe, or its folder, of a released specialist.")
    ],
    stream: Annotated[str, typer.Argument(help="A file that grows, or tcp://host:port.")],
    text: Annotated[str, typer.Option(help="The key of a line with the text.")] = "text",
    id: Annotated[str, typer.Option(help="The key with the document's id.")] = "id",
    title: Annotated[str | None, typer.Option(help="A key with the title.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="The recipe's source that says of what tier, whose and of when the lines are: "
            "its path, or its number from 1. Where all say the same, it need not be named."
        ),
    ] = None,
    tier: Annotated[str | None, typer.Option(help="In place of the source's tier.")] = None,
    tenant: Annotated[str | None, typer.Option(help="In place of the source's tenant.")] = None,
    entity: Annotated[str | None, typer.Option(help="The key of whom a line is about.")] = None,
    valid_from: Annotated[str | None, typer.Option(help="The key with the first day.")] = None,
    valid_to: Annotated[
        str | None, typer.Option(help="The key with the day from which it holds no more.")
    ] = None,
    succeed: Annotated[
        bool | None,
        typer.Option(
            "--succeed/--no-succeed",
            help="A version of an entity ends when the next one begins; as the source says.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option(help="Stop at the end of what has come.")] = False,
    project: ProjectOption = None,
) -> None:
    """Take a stream of JSON lines into a specialist's store.

    Others may ask it meanwhile. Lines are upserts, or `{"op": "delete", "id": ...}`. Stopped, it
    goes on where it was.
    """
    from metier.corpus.chunk import Chunking
    from metier.corpus.clean import make_step
    from metier.corpus.passages_of import passages_of
    from metier.models.registry import LocalModels
    from metier.retrieval.store.live import CaughtUp, resume
    from metier.retrieval.store.live import follow as take_in
    from metier.sources.described import described_updates
    from metier.sources.stream import StreamSource
    from metier.types import content_hash

    opened = open_recipe(recipe)
    folder = store_folder(project_folder(recipe, project) / "specialist")
    told = or_given(
        description_of(opened.recipe.sources, source),
        tier=tier,
        tenant=tenant,
        entity=entity,
        valid_from=valid_from,
        valid_to=valid_to,
    )
    lines = StreamSource(stream, text=text, id=id, title=title, tenant=told.tenant)
    position = folder / f"stream-{content_hash(stream)}.position"
    end = CaughtUp()
    batches = lines.updates(_report, after=resume(position), stop=end if once else lambda: False)
    chunks = opened.recipe.chunks
    steps = [make_step(step.name, step.options) for step in opened.recipe.cleaning.steps]
    done = take_in(
        open_store(folder, LocalModels()),
        described_updates(end.watching(batches), told, _report),
        passages=passages_of(steps, Chunking(chunks.size, chunks.overlap)),
        position=position,
        succeed=told.versions_succeed if succeed is None else succeed,
        progress=_told,
    )
    typer.echo(f"{done} updates taken in")


def description_of(sources: Sequence[SourceSettings], named: str | None) -> Description:
    """What the recipe says of the source that the stream is like; ``DataError`` where it is open.

    ``named`` is its path or its number; None takes what all sources say.
    """
    from metier.settings import description

    found = [str(one.options.get("path", one.kind)) for one in sources]
    listed = ", ".join(f"{place} {path}" for place, path in enumerate(found, 1))
    if named is not None:
        for place, (path, one) in enumerate(zip(found, sources, strict=True), 1):
            if named in (path, str(place)):
                return description(one)
        raise DataError(f"the recipe has no source {named!r}; it has {listed}")
    said = {description(one) for one in sources}
    if len(said) > 1:
        raise DataError(
            f"the recipe's sources differ in tier, tenant, entity or dates; name the one that the "
            f"stream is like with --source: {listed}"
        )
    return said.pop()


def or_given(description: Description, **given: str | None) -> Description:
    """The description with what was given in its place; None was not."""
    said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(description, **said)


def store_folder(specialist: Path) -> Path:
    """The store of a released specialist; ``ModelFileError`` when it looks nothing up."""
    from metier.methods.looked_up import INDEX

    if not (specialist / INDEX).is_dir():
        raise ModelFileError(
            f"{specialist} has no store to take documents into: no specialist that looks things "
            "up was released; `metier run` a recipe with a `retrieve` rung"
        )
    return specialist / INDEX


def open_store(folder: Path, models: LocalModels) -> Store:
    """The store, with the guide beside it where there is one."""
    from metier.methods.looked_up import GUIDE
    from metier.retrieval.authority.guide_file import GrowingGuide
    from metier.retrieval.store.build import open_index

    guide, index = folder.with_name(GUIDE), open_index(folder, models)
    return GrowingGuide(index, guide) if guide.is_file() else index


def _report(bad: Malformed) -> None:
    sys.stderr.write(f"{bad.uri}:{bad.line or '-'}: {bad.reason}; left out\n")


def _told(done: int, total: int | None, what: str) -> None:
    typer.echo(f"{done} {what}", err=True)
