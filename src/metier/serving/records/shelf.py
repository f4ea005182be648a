"""What tools made while the server answered: files that only their tenant can read, and steps."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metier.errors import StorageError
from metier.serving.records.cutting import cut, empty_journal
from metier.types import Artifact, Json

_TABLES = """
BEGIN;
CREATE TABLE artifacts (
    id TEXT PRIMARY KEY, created REAL NOT NULL, tenant TEXT NOT NULL, request TEXT NOT NULL,
    name TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE INDEX artifacts_by_tenant ON artifacts (tenant, created);
CREATE TABLE steps (
    request TEXT NOT NULL, place INTEGER NOT NULL, created REAL NOT NULL, tenant TEXT NOT NULL,
    tool TEXT NOT NULL, failed INTEGER NOT NULL, seconds REAL NOT NULL, arguments TEXT, result TEXT
);
CREATE INDEX steps_by_request ON steps (tenant, request);
PRAGMA user_version = 1;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a tool as the log keeps it; texts only when the operator asked for them."""

    request: str
    place: int
    tenant: str
    tool: str
    failed: bool
    seconds: float
    arguments: str | None = None
    result: str | None = None


class Shelf:
    """One SQLite file that only its owner can read."""

    def __init__(
        self, path: Path, *, most_bytes: int = 256 << 20, now: Callable[[], float] = time.time
    ) -> None:
        """``most_bytes`` of artifacts for each tenant; the oldest go first."""
        self.path = path
        self._most = most_bytes
        self._now = now
        self._lock = threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=30)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            if not self._db.execute("PRAGMA user_version").fetchone()[0]:
                self._db.executescript(_TABLES)

    def put(self, artifact: Artifact, *, tenant: str, request: str) -> str:
        """Keep a file; its id, which cannot be guessed."""
        id = f"file-{secrets.token_hex(16)}"
        size = len(artifact.content)
        with self._lock, self._errors(), self._db:
            self._db.execute(
                "INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(id, self._now(), tenant, request, artifact.name, artifact.media_type),
                    *(size, artifact.content),
                ),
            )
            self._db.execute(
                "DELETE FROM artifacts WHERE id IN (SELECT id FROM (SELECT id, SUM(size) OVER "
                "(ORDER BY created DESC, rowid DESC) AS above FROM artifacts WHERE tenant = ?) "
                "WHERE above > ?)",
                (tenant, self._most),
            )
        return id

    def get(self, id: str, tenant: str) -> Artifact | None:
        """A file, if it is this tenant's."""
        rows = self._rows(
            "SELECT name, media_type, content FROM artifacts WHERE id = ? AND tenant = ?",
            *(id, tenant),
        )
        return Artifact(**rows[0]) if rows else None

    def note(self, step: Step) -> None:
        """Keep a step of a request."""
        names = Step.__slots__
        with self._lock, self._errors(), self._db:
            self._db.execute(
                f"INSERT INTO steps ({', '.join(names)}, created) VALUES "
                f"({', '.join('?' * len(names))}, ?)",
                (*(getattr(step, name) for name in names), self._now()),
            )

    def steps(self, request: str, tenant: str) -> list[Json]:
        """A request's steps in order, if it is this tenant's."""
        return self._rows(
            "SELECT * FROM steps WHERE request = ? AND tenant = ? ORDER BY place",
            *(request, tenant),
        )

    def forget(self, days: float) -> None:
        """Delete what is older than this, in small transactions."""
        oldest = self._now() - days * 86400
        cut(self._write, "artifacts", oldest, portion=4)
        cut(self._write, "steps", oldest, portion=50)
        with self._lock, self._errors():
            empty_journal(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _rows(self, query: str, *values: Json) -> list[Json]:
        with self._lock, self._errors():
            return [dict(row) for row in self._db.execute(query, values).fetchall()]

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors(), self._db:
            yield self._db

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"the shelf of artifacts {self.path} cannot be used: {error}; look at free space "
                "and permissions"
            ) from error
