"""A corpus as a versioned Lance dataset: one row a document, one commit an ingest."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.corpus.chunk import chunks_at
from metier.errors import StorageError
from metier.types import (
    Chunk,
    CleanDocument,
    IngestReport,
    Malformed,
    Piece,
    Region,
    StepCount,
)

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

FORMAT = "1"
_PIECE, _REGION, _BOUND = 5, 7, 2
_BATCH = 256
Row = dict[str, Any]
"""One row of the table, by column; ``Any`` because columns differ in type."""


class LanceCorpus:
    """Cleaned documents and their chunks, read as a stream from a folder."""

    def __init__(self, path: Path, dataset: lance.LanceDataset) -> None:
        self.path = path
        self._dataset = dataset

    @classmethod
    def open(cls, path: Path, version: str | None = None) -> LanceCorpus:
        """The corpus in that folder: the newest, or the one with that content version."""
        newest = open_dataset(path)
        if newest is None:
            raise StorageError(f"there is no corpus in {path}; `metier ingest` makes one")
        corpus = cls(path, newest)
        _check_format(corpus)
        if version is None or version == corpus.version:
            return corpus
        known = []
        for entry in reversed(newest.versions()):
            corpus = cls(path, newest.checkout_version(entry["version"]))
            if corpus.version == version:
                return corpus
            known.append(corpus.version)
        raise StorageError(
            f"the corpus in {path} has no version {version}; it has {', '.join(known)}"
        )

    @property
    def version(self) -> str:
        """Hash of the documents and their chunks: the same content has the same version."""
        return version_of(self._dataset)

    @property
    def number(self) -> int:
        """Lance's own number of this version; grows with each ingest that changed something."""
        return int(self._dataset.version)

    @property
    def report(self) -> IngestReport:
        """How this version came about."""
        return _report_from(json.loads(_metadata(self._dataset, "report")))

    def __len__(self) -> int:
        return int(self._dataset.count_rows())

    def documents(self) -> Iterator[CleanDocument]:
        """Every document, in the source's order."""
        return (document for document, _ in self._rows())

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk, document by document."""
        for document, bounds in self._rows():
            yield from chunks_at(document, bounds)

    def _rows(self) -> Iterator[tuple[CleanDocument, list[tuple[int, int]]]]:
        for batch in self._dataset.to_batches(batch_size=_BATCH, scan_in_order=True):
            for row in batch.to_pylist():
                yield _document(row), _grouped(row["chunks"], _BOUND)


def open_dataset(path: Path) -> lance.LanceDataset | None:
    """The Lance dataset in that folder, or None where there is none yet."""
    if not (path / "_versions").is_dir():
        return None
    try:
        dataset: lance.LanceDataset = import_lance().dataset(str(path))
    except (OSError, ValueError) as error:
        raise StorageError(
            f"the corpus in {path} cannot be read ({error}); delete the folder and ingest again"
        ) from error
    return dataset


def version_of(dataset: lance.LanceDataset) -> str:
    """The content version that was committed with the dataset."""
    return _metadata(dataset, "version")


def import_lance() -> Any:
    """The lance module; it writes warnings about ordinary events to stderr unless told not to."""
    os.environ.setdefault("LANCE_LOG", "error")
    # It warns at every fork in the process; a child that starts another program is harmless.
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    import lance

    return lance


def schema(version: str = "", report: IngestReport | None = None) -> pa.Schema:
    """The table's columns; lists of small records are stored flat, which reads much faster.

    ``text`` is null where cleaning changed nothing, ``pieces`` where there is one verbatim piece.
    """
    import pyarrow as pa

    text, numbers = pa.large_string(), pa.list_(pa.int64())
    columns = [
        ("id", pa.string()),
        ("title", pa.string()),
        ("uri", pa.string()),
        ("metadata", text),
        ("source_text", text),
        ("text", text),
        ("pieces", numbers),
        ("regions", pa.list_(pa.float64())),
        ("removed", text),
        ("chunks", numbers),
    ]
    notes = {"metier.format": FORMAT, "metier.version": version}
    if report is not None:
        notes["metier.report"] = json.dumps(_report_to(report))
    return pa.schema(columns, metadata=notes)


def to_row(document: CleanDocument, bounds: Sequence[tuple[int, int]]) -> Row:
    """One document with its chunks' bounds as the table's columns."""
    whole = document.text == document.source_text and len(document.pieces) == 1
    return {
        "id": document.id,
        "title": document.title,
        "uri": document.uri,
        "metadata": _json(document.metadata),
        "source_text": document.source_text,
        "text": None if whole else document.text,
        "pieces": None if whole else [number for p in document.pieces for number in _numbers(p)],
        "regions": [
            number
            for region in document.regions
            for number in (region.start, region.end, region.page, *region.box)
        ],
        "removed": _json(document.removed),
        "chunks": [number for bound in bounds for number in bound],
    }


def add_to_hash(digest: hashlib._Hash, row: Row) -> None:
    """Take a row into the content version; ``repr`` tells its columns apart.

    Where a file lies is no content: a project folder that was moved has the version it had.
    """
    content = tuple(value for column, value in row.items() if column != "uri")
    digest.update(repr(content).encode("utf-8", "surrogatepass"))


def _json(value: Mapping[str, Any]) -> str:
    if not value:
        return "{}"
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _numbers(piece: Piece) -> tuple[int, int, int, int, int]:
    return piece.start, piece.end, piece.source_start, piece.source_end, int(piece.verbatim)


def _document(row: Row) -> CleanDocument:
    source_text: str = row["source_text"]
    text = source_text if row["text"] is None else row["text"]
    if row["pieces"] is None:
        pieces = [Piece(0, len(text), 0, len(text))]
    else:
        pieces = [
            Piece(start, end, source_start, source_end, bool(verbatim))
            for start, end, source_start, source_end, verbatim in _grouped(row["pieces"], _PIECE)
        ]
    regions = tuple(
        Region(int(start), int(end), int(page), (left, bottom, right, top))
        for start, end, page, left, bottom, right, top in _grouped(row["regions"], _REGION)
    )
    return CleanDocument(
        id=row["id"],
        text=text,
        source_text=source_text,
        pieces=tuple(pieces),
        title=row["title"],
        uri=row["uri"],
        metadata=json.loads(row["metadata"]),
        regions=regions,
        removed=json.loads(row["removed"]),
    )


def _grouped(numbers: Sequence[Any], size: int) -> list[Any]:
    """A flat list as tuples of ``size`` (``Any``: whole numbers or fractions, by column)."""
    return list(zip(*[iter(numbers)] * size, strict=True))


def _metadata(dataset: lance.LanceDataset, key: str) -> str:
    notes: Mapping[bytes, bytes] = dataset.schema.metadata or {}
    return notes.get(f"metier.{key}".encode(), b"").decode()


def _check_format(corpus: LanceCorpus) -> None:
    found = _metadata(corpus._dataset, "format")
    if found != FORMAT:
        raise StorageError(
            f"the corpus in {corpus.path} has format {found or 'unknown'}, this metier reads "
            f"format {FORMAT}; ingest again"
        )


def _report_to(report: IngestReport) -> dict[str, Any]:
    return {
        "version": report.version,
        "documents_in": report.documents_in,
        "documents": report.documents,
        "malformed": [[bad.uri, bad.line, bad.reason] for bad in report.malformed],
        "malformed_count": report.malformed_count,
        "steps": [[step.step, step.documents, step.characters] for step in report.steps],
        "dropped": dict(report.dropped),
        "chunks": report.chunks,
        "seconds": report.seconds,
    }


def _report_from(stored: dict[str, Any]) -> IngestReport:
    malformed = tuple(Malformed(*bad) for bad in stored.pop("malformed"))
    steps = tuple(StepCount(*step) for step in stored.pop("steps"))
    return IngestReport(malformed=malformed, steps=steps, **stored)
