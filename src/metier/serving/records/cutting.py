"""Deletes what is too old from an SQLite file that a server is using meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

Write = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""A transaction of its own, in which nobody else uses the connection."""
PAUSE = 0.005
"""Seconds between two transactions: a lock that is free for no time is taken by nobody else."""
PAGES = 64
"""Of an index of words that one transaction rewrites."""


def cut(write: Write, table: str, oldest: float, *, portion: int) -> int:
    """Delete rows that were made before ``oldest``, so many at once; how many went."""
    count = 0
    while True:
        with write() as db:
            done = db.execute(
                f"DELETE FROM {table} WHERE rowid IN "
                f"(SELECT rowid FROM {table} WHERE created < ? LIMIT ?)",
                (oldest, portion),
            )
        if done.rowcount == 0:
            return count
        count += done.rowcount
        time.sleep(PAUSE)


def rewrite_words(write: Write, index: str) -> None:
    """Merge an FTS5 index into one part, in which words of deleted rows are no more."""
    pages = -PAGES  # a negative number begins with all parts, a positive one goes on
    while True:
        with write() as db:
            before = db.total_changes
            db.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('merge', ?)", (pages,))
            if db.total_changes - before < 2:  # as SQLite tells that there is nothing left to do
                return
        pages = PAGES
        time.sleep(PAUSE)


def empty_journal(db: sqlite3.Connection) -> bool:
    """Bring what was overwritten from the journal into the file; False while another reads it."""
    db.execute("PRAGMA busy_timeout = 0")
    try:
        busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        db.execute("PRAGMA busy_timeout = 30000")
    return not busy
