"""``metier follow``: take a stream's documents into a store while it is being asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.cli.project import ProjectOption, open_recipe, project_folder

if TYPE_CHECKING:
    from metier.types import Malformed


def follow(
    recipe: Annotated[
        Path, typer.Argument(help="The recipe, or its folder, of a released specialist.")
    ],
    stream: Annotated[str, typer.Argument(help="A file that grows, or tcp://host:port.")],
    text: Annotated[str, typer.Option(help="The key of a line with the text.")] = "text",
    id: Annotated[str, typer.Option(help="The key with the document's id.")] = "id",
    title: Annotated[str | None, typer.Option(help="A key with the title.")] = None,
    tenant: Annotated[
        str, typer.Option(help="Whose the documents are; else each line says it under `tenant`.")
    ] = "",
    succeed: Annotated[
        bool, typer.Option(help="A version of an entity ends when the next one begins.")
    ] = False,
    once: Annotated[bool, typer.Option(help="Stop at the end of what has come.")] = False,
    project: ProjectOption = None,
) -> None:
    """Take a stream of JSON lines into the released specialist's store, while others ask it.

    Lines are upserts, or `{"op": "delete", "id": ...}`. Stopped, it goes on where it was.
    """
    from metier.corpus.chunk import Chunking
    from metier.corpus.clean import make_step
    from metier.corpus.passages_of import passages_of
    from metier.models.registry import LocalModels
    from metier.retrieval.store.build import open_index
    from metier.retrieval.store.live import CaughtUp, resume
    from metier.retrieval.store.live import follow as take_in
    from metier.sources.stream import StreamSource
    from metier.types import content_hash

    opened = open_recipe(recipe)
    folder = store_folder(project_folder(recipe, project) / "specialist")
    source = StreamSource(stream, text=text, id=id, title=title, tenant=tenant)
    position = folder / f"stream-{content_hash(stream)}.position"
    end = CaughtUp()
    batches = source.updates(_report, after=resume(position), stop=end if once else lambda: False)
    chunks = opened.recipe.chunks
    steps = [make_step(step.name, step.options) for step in opened.recipe.cleaning.steps]
    done = take_in(
        open_index(folder, LocalModels()),
        end.watching(batches),
        passages=passages_of(steps, Chunking(chunks.size, chunks.overlap)),
        position=position,
        succeed=succeed,
        progress=_told,
    )
    typer.echo(f"{done} updates taken in")


def store_folder(specialist: Path) -> Path:
    """The store of a released specialist; ``ModelFileError`` when it looks nothing up."""
    from metier.errors import ModelFileError
    from metier.methods.looked_up import INDEX

    if not (specialist / INDEX).is_dir():
        raise ModelFileError(
            f"{specialist} has no store to take documents into: no specialist that looks things "
            "up was released; `metier run` a recipe with a `retrieve` rung"
        )
    return specialist / INDEX


def _report(bad: Malformed) -> None:
    sys.stderr.write(f"{bad.uri}:{bad.line or '-'}: {bad.reason}; left out\n")


def _told(done: int, total: int | None, what: str) -> None:
    typer.echo(f"{done} {what}", err=True)
