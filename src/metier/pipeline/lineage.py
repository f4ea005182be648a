"""Documents that went away, and what of the project still holds one."""

from __future__ import annotations

import json
from pathlib import Path

from metier.corpus.table import LanceCorpus
from metier.dataset.generate.kept.lineage import holders
from metier.errors import StorageError
from metier.protocols import Corpus
from metier.store import Project
from metier.types import Holders


def everything_from(project: Project, document: str) -> Holders:
    """The datasets, adapters and indexes that hold the document, in any version of the corpus."""
    steps = sorted((project.path / "steps").glob("corpus-*/version"))
    versions = [step.read_text(encoding="utf-8") for step in steps]
    return holders(project, document, [v for v in versions if document in _ids(project, v)])


def deleted_since(project: Project, corpus: Corpus) -> list[Holders]:
    """What holds the documents that the last generation had and the corpus has no more."""
    last = _last_generation(project)
    if last is None:
        return []
    version = json.loads((last / "inputs.json").read_text(encoding="utf-8"))["corpus"]
    if version == corpus.version:
        return []
    gone = _ids(project, version) - {document.id for document in corpus.documents()}
    return [everything_from(project, document) for document in sorted(gone)]


def _last_generation(project: Project) -> Path | None:
    done = [p for p in (project.path / "steps").glob("generate-*") if p.suffix != ".part"]
    return max(done, key=lambda path: path.stat().st_mtime, default=None)


def _ids(project: Project, version: str) -> set[str]:
    try:
        corpus = LanceCorpus.open(project.path / "corpus.lance", version)
    except (OSError, StorageError):
        return set()  # the table was made anew; what that version had is not known any more
    return {document.id for document in corpus.documents()}
