"""Deletes what the request log may no longer hold, for as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from metier.errors import StorageError
from metier.serving.records.book import Book

_log = logging.getLogger("metier.serving")
EVERY = 3600.0
"""Seconds between two looks: what a promise of days can be late by. A look that deletes something
rewrites the index of words."""


@asynccontextmanager
async def retained(book: Book, days: float | None, *, every: float = EVERY) -> AsyncIterator[None]:
    """Delete what is older than ``days`` at once and then every so often; None keeps all."""
    task = None if days is None else asyncio.create_task(_forget(book, days, every))
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _forget(book: Book, days: float, every: float) -> None:
    while True:
        try:
            await asyncio.to_thread(book.forget, days)
        except StorageError:  # a full disk: requests tell of it, and the next look may succeed
            _log.exception("the request log could not be cut to %s days", days)
        await asyncio.sleep(every)
