"""The search tool over a released specialist's own documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metier.errors import DataError
from metier.methods import candidate as candidates
from metier.methods.looked_up import INDEX, open_store
from metier.protocols import Models, Retriever
from metier.tools.search import SearchTool

_SHOWN = 1000
"""Characters of a passage that the model is shown; of a section, all."""


def has_documents(release: Path) -> bool:
    """Whether this release keeps documents that can be searched."""
    return (release / INDEX).is_dir()


def search_of(
    release: Path,
    models: Models,
    *,
    name: str = "search",
    through: Callable[[Retriever], Retriever] = lambda store: store,
) -> SearchTool:
    """Searches as the specialist does: the same store, names, days, tiers, sections and reranker.

    ``through`` may put something before the store, such as a queue. Raises ``DataError`` for a
    release whose rung keeps no documents.
    """
    candidate = candidates.read(release)
    if not has_documents(release):
        raise DataError(
            f"{release}: the rung {candidate.rung!r} keeps no documents to search; release a "
            "retrieving rung"
        )
    tiers: list[str] = candidate.settings.get("tiers") or []
    shown = max(_SHOWN, int(candidate.settings.get("parent_characters", 0)))
    store = through(open_store(candidate, release, models))
    return SearchTool(store, name=name, tiers=tiers, characters=shown)
