"""The search tool over a released specialist's own documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metier import serial
from metier.errors import DataError
from metier.methods import candidate as candidates
from metier.methods.looked_up import GUIDE, INDEX
from metier.protocols import Models, Retriever
from metier.retrieval.authority.guided import guided
from metier.retrieval.store.index import Index
from metier.tools.search import SearchTool
from metier.types import Guide


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
    """Searches as the specialist does: the same store, names, days and tiers.

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
    return SearchTool(through(_store(release, models)), name=name, tiers=tiers)


def _store(release: Path, models: Models) -> Retriever:
    candidate = candidates.read(release)
    index = Index.open(release / INDEX, models.embedder(candidate.settings["embedder"]))
    guide = serial.read(Guide, release / GUIDE)
    return guided(index, guide, candidate.settings["tiers"], candidate.settings["agree_in"])
