"""A recipe and its project folder, as a pipeline whose run the ledger notes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metier.pipeline.stages import Pipeline
from metier.protocols import Progress, silent
from metier.recipe import read_recipe
from metier.store import Project


@contextmanager
def opened(
    recipe: Path | str, project: Path | str | None = None, progress: Progress = silent
) -> Iterator[Pipeline]:
    """The pipeline of a recipe, given it or its folder; ``.metier`` beside it is the project.

    Raises what reading the recipe raises, and ``StorageError`` while another run has the project.
    """
    path = Path(recipe)
    file = path / "metier.toml" if path.is_dir() else path
    settings, text = read_recipe(file), file.read_text(encoding="utf-8")
    store = Project(Path(project) if project else file.parent / ".metier")
    with store.run(settings.name, {"recipe": text}):
        yield Pipeline(settings, store, text=text, file=str(file), progress=progress)
