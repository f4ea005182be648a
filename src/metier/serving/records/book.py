"""What the gateway remembers in one SQLite file: keys, requests, feedback, who changed what."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from metier.errors import StorageError
from metier.serving.records.cutting import cut, empty_journal, rewrite_words
from metier.types import Json

_log = logging.getLogger("metier.serving")

MIGRATIONS = (
    """
    CREATE TABLE keys (
        id TEXT PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL,
        scopes TEXT NOT NULL, per_minute INTEGER, tokens_per_day INTEGER,
        created REAL NOT NULL, revoked REAL
    );
    CREATE TABLE requests (
        id TEXT PRIMARY KEY, created REAL NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL,
        model TEXT NOT NULL, route TEXT NOT NULL, status INTEGER NOT NULL, seconds REAL NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
        asked TEXT, answered TEXT
    );
    CREATE INDEX requests_by_key ON requests (key, created);
    CREATE INDEX requests_by_time ON requests (created);
    CREATE TABLE feedback (
        id INTEGER PRIMARY KEY, response TEXT NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL,
        created REAL NOT NULL, thumb TEXT, correction TEXT, comment TEXT
    );
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, created REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE numbered (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, created REAL NOT NULL,
        tenant TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, route TEXT NOT NULL,
        status INTEGER NOT NULL, seconds REAL NOT NULL, prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL, asked TEXT, answered TEXT, body TEXT
    );
    INSERT INTO numbered SELECT NULL, *, NULL FROM requests ORDER BY created;
    DROP TABLE requests;
    ALTER TABLE numbered RENAME TO requests;
    CREATE INDEX requests_by_key ON requests (key, created);
    CREATE INDEX requests_by_time ON requests (created);
    CREATE VIRTUAL TABLE request_texts USING fts5(
        asked, answered, content = 'requests', content_rowid = 'number', prefix = '3',
        tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER texts_come AFTER INSERT ON requests WHEN new.asked IS NOT NULL BEGIN
        INSERT INTO request_texts (rowid, asked, answered)
        VALUES (new.number, new.asked, new.answered);
    END;
    CREATE TRIGGER texts_go AFTER DELETE ON requests WHEN old.asked IS NOT NULL BEGIN
        INSERT INTO request_texts (request_texts, rowid, asked, answered)
        VALUES ('delete', old.number, old.asked, old.answered);
    END;
    INSERT INTO request_texts (rowid, asked, answered)
        SELECT number, asked, answered FROM requests WHERE asked IS NOT NULL;
    CREATE TABLE prompts (
        tenant TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, created REAL NOT NULL,
        messages TEXT NOT NULL, enum TEXT NOT NULL, scores TEXT NOT NULL,
        PRIMARY KEY (tenant, name, version)
    );
    """,
)
"""Numbered from 1 by position; append, never edit after a release."""


@dataclass(frozen=True, slots=True)
class Served:
    """One request as the log keeps it; texts only when the operator asked for them."""

    id: str
    tenant: str
    key: str
    model: str
    route: str
    status: int
    seconds: float
    prompt_tokens: int = 0
    completion_tokens: int = 0
    asked: str | None = None
    answered: str | None = None
    body: str | None = None
    """The whole request as JSON, so that it can be run again."""


_SHOWN = ", ".join(("created", *(name for name in Served.__slots__ if name != "body")))


COLUMNS = (*Served.__slots__, "created")
MOST_OWED = 10_000
PORTION = 50
"""Rows that are deleted at once, each with all of its words."""


class Book:
    """One file, safe for several threads and for ``kill -9``."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open or make the file; ``StorageError`` where that is impossible."""
        self.path = path
        self._now = now
        self._lock = threading.Lock()
        self._owed: dict[str, tuple[Json, ...]] = {}
        """Requests that could not be noted yet."""
        self._rewritten = False
        """Whether the index of words has been since the book was opened."""
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=30)
            path.chmod(0o600)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            self._migrate()

    def log(self, served: Served) -> None:
        """Note a request; survives a kill of the process, and a power cut but for the last.

        Never fails: what the disk does not take is kept in memory, counts for quotas, and is
        written as soon as there is room.
        """
        values = (*(getattr(served, name) for name in Served.__slots__), self._now())
        self._owed[served.id] = values
        try:
            self._settle()
        except StorageError as error:
            if len(self._owed) == 1:
                _log.error("requests are not noted for now: %s", error)
            elif len(self._owed) > MOST_OWED:
                del self._owed[next(iter(self._owed))]

    def request(self, response: str, tenant: str) -> Json | None:
        """The logged request that gave this response, if it is this tenant's."""
        if self._owed:
            self._settle()
        query = f"SELECT {_SHOWN}, body FROM requests WHERE id = ? AND tenant = ?"
        return self._one(query, response, tenant)

    def history(self, tenant: str, text: str = "", *, limit: int = 50) -> list[Json]:
        """A tenant's logged requests, the newest first, without their bodies.

        With ``text``, those in which every word of it begins a word; case and accents aside.
        """
        words = re.findall(r"\w+", text)
        if text and not words:
            return []
        where, values = "tenant = ?", [tenant]
        if words:
            where += " AND number IN (SELECT rowid FROM request_texts WHERE request_texts MATCH ?)"
            values.append(" ".join(f'"{word}"*' for word in words))
        newest = "ORDER BY created DESC, number DESC LIMIT ?"
        return self.rows(f"SELECT {_SHOWN} FROM requests WHERE {where} {newest}", *values, limit)

    def add_feedback(self, response: str, tenant: str, key: str, given: Json) -> int:
        """Keep a reaction; it is on the disk when this returns."""
        with self._write("FULL") as db:
            done = db.execute(
                "INSERT INTO feedback (response, tenant, key, created, thumb, correction, comment) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(response, tenant, key, self._now()),
                    *(given.get(name) for name in ("thumb", "correction", "comment")),
                ),
            )
        return int(done.lastrowid or 0)

    def feedback(self, tenant: str | None = None) -> list[Json]:
        """All reactions, or a tenant's, the oldest first."""
        if tenant is None:
            return self.rows("SELECT * FROM feedback ORDER BY id")
        return self.rows("SELECT * FROM feedback WHERE tenant = ? ORDER BY id", tenant)

    def tokens_since(self, key: str, moment: float) -> int:
        """Tokens that a key has spent since a moment."""
        row = self._one(
            "SELECT COALESCE(SUM(prompt_tokens + completion_tokens), 0) AS spent FROM requests "
            "WHERE key = ? AND created >= ?",
            *(key, moment),
        )
        spent = int(row["spent"]) if row else 0
        for values in list(self._owed.values()):
            owed: Json = dict(zip(COLUMNS, values, strict=True))
            if owed["key"] == key:
                spent += int(owed["prompt_tokens"] + owed["completion_tokens"])
        return spent

    def add_key(self, row: Json) -> None:
        """Keep a key's hash and rights."""
        with self._write("FULL") as db:
            db.execute(
                "INSERT INTO keys (id, hash, name, tenant, scopes, per_minute, tokens_per_day, "
                "created) VALUES (:id, :hash, :name, :tenant, :scopes, :per_minute, "
                ":tokens_per_day, :created)",
                {**row, "scopes": json.dumps(row["scopes"]), "created": self._now()},
            )

    def key(self, key: str) -> Json | None:
        """A key's row, revoked or not."""
        return self._one("SELECT * FROM keys WHERE id = ?", key)

    def keys(self) -> list[Json]:
        """All keys without their hashes, the oldest first."""
        rows = self.rows("SELECT * FROM keys ORDER BY created")
        return [{name: row[name] for name in row if name != "hash"} for row in rows]

    def has_keys(self) -> bool:
        """Whether a key was ever made."""
        return self._one("SELECT 1 FROM keys LIMIT 1") is not None

    def revoke(self, key: str) -> bool:
        """End a key's rights; False where there is no such key in force."""
        with self._write("FULL") as db:
            done = db.execute(
                "UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (self._now(), key)
            )
        return done.rowcount == 1

    def audit(self, actor: str, action: str, subject: str) -> None:
        """Note who changed what; nothing is ever taken out of this table."""
        with self._write("FULL") as db:
            db.execute(
                "INSERT INTO audit (created, actor, action, subject) VALUES (?, ?, ?, ?)",
                (self._now(), actor, action, subject),
            )

    def audits(self) -> list[Json]:
        """The audit log, the oldest first."""
        return self.rows("SELECT * FROM audit ORDER BY id")

    def forget(self, days: float) -> int:
        """Delete requests and feedback older than this; how many requests went.

        In many small transactions, between which others are answered.
        """
        oldest, write = self._now() - days * 86400, partial(self._write, "NORMAL")
        cut(write, "feedback", oldest, portion=PORTION)
        went = cut(write, "requests", oldest, portion=PORTION)
        if went or not self._rewritten:  # an earlier life may have ended before it came to this
            rewrite_words(write, "request_texts")
            self._rewritten = True
        with self._lock, self._errors():
            empty_journal(self._db)
        return went

    def rows(self, query: str, *values: Json) -> list[Json]:
        """What a query finds."""
        with self._lock, self._errors():
            return [dict(row) for row in self._db.execute(query, values).fetchall()]

    def change(self, query: str, *values: Json) -> None:
        """Change something; it is on the disk when this returns."""
        with self._write("FULL") as db:
            db.execute(query, values)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _settle(self) -> None:
        names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
        owed = dict(self._owed)
        with self._write("NORMAL") as db:
            # Two threads may settle at once; the second one's rows are there already.
            db.executemany(
                f"INSERT OR IGNORE INTO requests ({names}) VALUES ({marks})", list(owed.values())
            )
        for written in owed:
            self._owed.pop(written, None)

    @contextmanager
    def _write(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        """A transaction; FULL waits until the disk has it, NORMAL does not."""
        with self._lock, self._errors():
            self._db.execute(f"PRAGMA synchronous = {synchronous}")
            with self._db:
                yield self._db

    def _one(self, query: str, *values: Json) -> Json | None:
        rows = self.rows(query, *values)
        return rows[0] if rows else None

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StorageError(f"{self.path} was written by a newer metier; upgrade metier")
        for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
            self._db.executescript(f"BEGIN; {migration} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"the gateway's book {self.path} cannot be used: {error}; look at free space and "
                "permissions, or choose another with --book"
            ) from error
