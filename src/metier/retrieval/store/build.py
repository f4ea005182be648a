"""A store of passages from a corpus, built aside and put in place when it is whole."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

from metier.errors import EmptyStageError
from metier.protocols import Corpus, Embedder, Models, Progress, silent
from metier.retrieval.store.index import Index, batches, embedder_of
from metier.retrieval.store.passages import passages
from metier.types import SearchSettings

ADAPTER = "adapter"
"""Inside a store's folder: what its embedder was tuned with, see ``Models.embedder``."""


def build_index(
    path: Path,
    corpus: Corpus,
    embedder: Embedder,
    *,
    settings: SearchSettings | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Index:
    """The corpus as a store in ``path``, in place of what stood there; learns its weights.

    Raises ``EmptyStageError`` for a corpus without a passage, and ``DataError`` for two documents
    of one id.
    """
    aside = _aside(path)
    index = Index.create(aside, embedder, settings=settings)
    done = 0
    for batch in batches(passages(corpus)):
        done += index.upsert(batch, fresh=True)
        progress(done, None, "passages")
    if not done:
        raise EmptyStageError("index", {"documents without text": len(corpus)})
    index.settle(grace=timedelta(0))  # nobody reads here yet
    index.learn_weights(seed=seed)
    _in_place(aside, path)
    return Index.open(path, embedder)


def copy_index(source: Path, path: Path) -> None:
    """A store as it stands, with what its embedder was tuned with, in place of what stood there."""
    aside = _aside(path)
    shutil.copytree(source, aside)
    _in_place(aside, path)


def open_index(path: Path, models: Models) -> Index:
    """The store in that folder under the embedder, tuned or not, that it was made with."""
    adapter = path / ADAPTER
    name = embedder_of(path)
    if not adapter.is_dir():
        return Index.open(path, models.embedder(name))
    return Index.open(path, models.embedder(name.rpartition("+")[0], adapter=adapter))


def _aside(path: Path) -> Path:
    """Where to make what will stand at ``path``; empty of what a killed run left."""
    aside = path.with_name(f"{path.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    return aside


def _in_place(aside: Path, path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.replace(aside, path)
