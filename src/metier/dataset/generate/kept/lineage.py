"""What was made from a document: the rows, datasets, adapters and indexes that hold it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from metier.dataset.generate.kept.rows import ACCEPTED
from metier.retrieval.store.rows import among
from metier.retrieval.store.table import open_table
from metier.store import Project
from metier.types import Holders, Json

INDEX, ADAPTER = "index", "adapter"
"""What a rung's folder holds; both may stand in one."""
SHOWN = ("shots.json", "documents.json")
"""Files with what a rung shows its model word for word: examples, or the documents whole."""


def holders(project: Project, document: str, corpora: Collection[str]) -> Holders:
    """Every finished step that holds the document; ``corpora`` are the versions that have it.

    A dataset holds it when a row is from it; a rung's adapter when it learnt from such a row or
    from the documents themselves, or was taken over from a rung that did; an index when the
    document is in it, as is what a rung shows in its prompts. Rungs are listed by name, with their
    step.
    """
    folders = _finished(project)
    rows = {name: _rows_of(path, document) for name, path in folders.items()}
    held = {found for ids in rows.values() for found in ids}
    rungs = {name: _read(path / "candidate.json") for name, path in folders.items()}
    fitted = {name: rung for name, rung in rungs.items() if isinstance(rung, Mapping)}
    learnt = {name for name, rung in fitted.items() if _learnt(rung, folders[name], held, corpora)}
    for name in fitted:  # in a second round, since a taken over adapter is another rung's
        members = set(_texts((_read(folders[name] / "inputs.json") or {}).get("members")))
        if members & learnt and _has(fitted[name], ADAPTER):
            learnt.add(name)
    return Holders(
        document,
        len(held),
        tuple(name for name, found in rows.items() if found),
        tuple(f"{fitted[name]['rung']} ({name})" for name in sorted(learnt)),
        tuple(
            f"{rung['rung']} ({name})"
            for name, rung in fitted.items()
            if (_has(rung, INDEX) and _indexed(folders[name] / INDEX, document))
            or _shows(folders[name], {document, *held})
        ),
    )


def _finished(project: Project) -> dict[str, Path]:
    steps = sorted((project.path / "steps").glob("*-*"))
    return {path.name: path for path in steps if path.suffix != ".part"}


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


def _learnt(
    rung: Mapping[str, Json], path: Path, held: Collection[str], corpora: Collection[str]
) -> bool:
    """Whether a rung's adapter learnt from one of the rows, or from the documents as they are."""
    if not _has(rung, ADAPTER):
        return False
    read_them = any(rung["settings"].get(name) for name in ("documents", "open_book"))
    from_corpus = read_them and set(corpora) & set(_texts(_read(path / "inputs.json")))
    return bool(from_corpus or set(held) & set(rung.get("train_examples", ())))


def _has(rung: Mapping[str, Json], part: str) -> bool:
    return any(str(file).split("/")[0] == part for file in rung.get("files", ()))


def _indexed(path: Path, document: str) -> bool:
    """Whether the store has a passage of the document."""
    tables = sorted(path.glob("*.lance"))
    return any(open_table(table).count_rows(among("document", [document])) for table in tables)


def _shows(path: Path, held: Collection[str]) -> bool:
    """Whether prompts of this rung, or of one that it blends, show what has one of these ids."""
    files = (file for name in SHOWN for file in path.rglob(name))
    return any(not set(held).isdisjoint(_texts(_read(file))) for file in files)


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
