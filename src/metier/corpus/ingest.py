"""From a source to a corpus on disk, as a stream in bounded memory."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from metier.corpus.chunk import Chunking, chunk_bounds
from metier.corpus.clean import clean_counted
from metier.corpus.deduplicate import Deduplication, NearDuplicates, text_key
from metier.corpus.edits import Step
from metier.corpus.table import (
    Row,
    add_to_hash,
    import_lance,
    open_dataset,
    schema,
    to_row,
    version_of,
)
from metier.errors import DataError, EmptyStageError, StorageError
from metier.protocols import Progress, Source, silent
from metier.types import CleanDocument, Document, IngestReport, Malformed, StepCount

if TYPE_CHECKING:
    import lance

_FLUSH_CHARACTERS = 32_000_000  # one fragment; what is held in memory at a time
_FLUSH_ROWS = 100_000
_SHOWN_MALFORMED = 100
_REPORT_EVERY = 1000


def ingest(
    source: Source,
    path: Path,
    *,
    steps: Sequence[Step] = (),
    deduplication: Deduplication | None = None,
    chunking: Chunking | None = None,
    progress: Progress = silent,
) -> IngestReport:
    """Read, clean, deduplicate and chunk a source into the Lance dataset in ``path``.

    The new version appears with one commit at the end: until then, and after a kill, readers see
    the old one. The same content again makes no new version. Memory: one fragment of about 32 MB
    of text, and about 150 bytes a document to know ids and exact duplicates by.
    """
    started = time.perf_counter()
    intake = _Intake(steps, deduplication or Deduplication(), progress)
    chunking = chunking or Chunking()
    with _Fragments(path) as fragments:
        for document in intake.documents(source):
            bounds = list(chunk_bounds(document.text, chunking))
            intake.chunks += len(bounds)
            fragments.add(to_row(document, bounds))
        if not intake.kept:
            raise EmptyStageError("ingest", intake.reasons(), example=intake.example())
        report = intake.report(fragments.version, time.perf_counter() - started)
        fragments.commit(report)
    return report


class _Intake:
    """Counts what comes in, what the steps change and what is left out."""

    def __init__(
        self, steps: Sequence[Step], deduplication: Deduplication, progress: Progress
    ) -> None:
        self.steps = steps
        self.deduplication = deduplication
        self.progress = progress
        self.read = self.kept = self.chunks = self.malformed_count = 0
        self.malformed: list[Malformed] = []
        self.changed: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        # Python's own 64-bit hashes are enough to notice an id that comes twice.
        self.ids: set[int] = set()
        self.keys: set[bytes] = set()

    def documents(self, source: Source) -> Iterator[CleanDocument]:
        settings = self.deduplication
        with NearDuplicates(settings.threshold) if settings.near else nullcontext() as near:
            for document in source.documents(self._note_malformed):
                self._note_read(document)
                cleaned = clean_counted(document, self.steps)
                for step, characters in cleaned.taken.items():
                    self.changed[step] += 1
                    self.taken[step] += characters
                reason = self._reason_to_drop(cleaned.document, near)
                if reason is None:
                    self.kept += 1
                    yield cleaned.document
                else:
                    self.dropped[reason] += 1

    def reasons(self) -> dict[str, int]:
        malformed = {"malformed": self.malformed_count} if self.malformed_count else {}
        return {**self.dropped, **malformed}

    def example(self) -> str:
        return f"{self.malformed[0].uri}: {self.malformed[0].reason}" if self.malformed else ""

    def report(self, version: str, seconds: float) -> IngestReport:
        names = list(dict.fromkeys(step.name for step in self.steps))
        return IngestReport(
            version=version,
            documents_in=self.read,
            documents=self.kept,
            malformed=tuple(self.malformed),
            malformed_count=self.malformed_count,
            steps=tuple(StepCount(name, self.changed[name], self.taken[name]) for name in names),
            dropped=dict(self.dropped),
            chunks=self.chunks,
            seconds=seconds,
        )

    def _note_malformed(self, malformed: Malformed) -> None:
        self.malformed_count += 1
        if len(self.malformed) < _SHOWN_MALFORMED:
            self.malformed.append(malformed)

    def _note_read(self, document: Document) -> None:
        self.read += 1
        if self.read % _REPORT_EVERY == 0:
            self.progress(self.read, None, "documents")
        self.ids.add(hash(document.id))
        if len(self.ids) < self.read:
            raise DataError(
                f'two documents have the id "{document.id}" (the second is number {self.read}, '
                f"{document.uri}), and a corpus knows them by nothing else: give each its own "
                "where they come from; in a stream of several tenants, with the tenant in front"
            )

    def _reason_to_drop(self, document: CleanDocument, near: NearDuplicates | None) -> str | None:
        if not document.text or document.text.isspace():
            return "empty after cleaning"
        # What a tenant has privately must not take away what others may see.
        tenant = str(document.metadata.get("tenant") or "")
        if self.deduplication.exact:
            if not self.keys.isdisjoint({text_key(document.text), text_key(document.text, tenant)}):
                return "exact duplicate"
            self.keys.add(text_key(document.text, tenant))
        if near is not None and near.add(document.text, tenant) is not None:
            return "near duplicate"
        return None


class _Fragments:
    """Data files of the version to be; without a commit they are deleted again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[Row] = []
        self._characters = 0
        self._written: list[lance.FragmentMetadata] = []
        self._digest = hashlib.sha256()
        self._is_new = not path.exists()
        self._mode = "create" if open_dataset(path) is None else "overwrite"
        self._committed = False

    @property
    def version(self) -> str:
        return self._digest.hexdigest()[:16]

    def __enter__(self) -> _Fragments:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._committed:
            self._delete()

    def add(self, row: Row) -> None:
        add_to_hash(self._digest, row)
        self._rows.append(row)
        self._characters += len(row["source_text"]) + len(row["text"] or "")
        if self._characters >= _FLUSH_CHARACTERS or len(self._rows) >= _FLUSH_ROWS:
            self._flush()

    def commit(self, report: IngestReport) -> None:
        """Make the fragments the dataset's next version, unless they are what it holds now."""
        self._flush()
        lance = import_lance()
        existing = open_dataset(self._path)
        if existing is not None and version_of(existing) == report.version:
            return
        operation = lance.LanceOperation.Overwrite(schema(report.version, report), self._written)
        read_version = None if existing is None else existing.version
        with _storage_errors(self._path):
            lance.LanceDataset.commit(str(self._path), operation, read_version=read_version)
        self._committed = True

    def _flush(self) -> None:
        if not self._rows:
            return
        import pyarrow as pa

        import_lance()
        from lance.fragment import write_fragments

        table = pa.Table.from_pylist(self._rows, schema=schema())
        self._rows = []
        self._characters = 0
        with _storage_errors(self._path):
            self._path.mkdir(parents=True, exist_ok=True)
            self._written += write_fragments(table, str(self._path), mode=self._mode)

    def _delete(self) -> None:
        for fragment in self._written:
            for file in fragment.files:
                with suppress(OSError):
                    (self._path / "data" / file.path).unlink()
        if self._is_new:
            for folder in (self._path / "data", self._path):
                with suppress(OSError):
                    folder.rmdir()


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the corpus cannot be written to {path}: {error}; free some space, or give a folder "
            "that you may write to. What stood there before still stands"
        ) from error
