"""What was made from a document: the rows, datasets, adapters and indexes that hold it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from metier.dataset.generate.kept.rows import ACCEPTED
from metier.store import Project
from metier.types import Holders, Json


def holders(project: Project, document: str, corpora: Collection[str]) -> Holders:
    """Every finished step that holds the document; ``corpora`` are the versions that have it.

    A dataset holds it when a row is from it; a candidate when it learnt from such a row, or was
    built on a dataset or corpus that has it; an index when it was built from such a corpus.
    """
    folders = {
        path.name: path
        for path in sorted((project.path / "steps").glob("*-*"))
        if path.suffix != ".part"
    }
    rows = {name: _rows_of(path, document) for name, path in folders.items()}
    datasets = tuple(name for name, found in rows.items() if found)
    held = {found for ids in rows.values() for found in ids}
    tainted = {*datasets, *corpora}
    adapters, indexes = [], []
    for name, path in folders.items():
        inputs = _read(path / "inputs.json")
        if not tainted & set(_texts(inputs)):
            continue
        if name.startswith("fit-") and _learnt(path, held):
            adapters.append(name)
        elif name.startswith("index"):
            indexes.append(name)
    return Holders(document, len(held), datasets, tuple(adapters), tuple(indexes))


def _rows_of(path: Path, document: str) -> set[str]:
    """Ids of the step's rows that come from the document."""
    if (path / ACCEPTED).exists():
        lines = (path / ACCEPTED).read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
        return {row["id"] for row in rows if row["provenance"]["document"] == document}
    dataset = _read(path / "dataset.json")
    if not isinstance(dataset, Mapping):
        return set()
    rows = [row for side in ("train", "dev", "test") for row in dataset.get(side, ())]
    return {row["id"] for row in rows if document in (row["origin"], *_evidence(row))}


def _evidence(row: Mapping[str, Json]) -> list[str]:
    return [span["document"] for span in row.get("evidence", ())]


def _learnt(path: Path, held: set[str]) -> bool:
    """Whether a candidate learnt from one of the rows; one that does not say so is taken to."""
    candidate = _read(path / "candidate.json")
    learnt = candidate.get("train_examples") if isinstance(candidate, Mapping) else None
    return not learnt or bool(held & set(learnt))


def _read(path: Path) -> Json:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
