"""Deletes what the server may no longer keep, for as long as it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from metier.errors import StorageError

_log = logging.getLogger("metier.serving")
EVERY = 3600.0
"""Seconds between two looks: what a promise of days can be late by. A look that deletes something
rewrites the index of words."""
Forget = Callable[[float], object]
"""Deletes what is older than so many days."""


@asynccontextmanager
async def retained(
    forgets: Sequence[Forget], days: float | None, *, every: float = EVERY
) -> AsyncIterator[None]:
    """Delete what is older than ``days`` at once and then every so often; None keeps all."""
    task = None if days is None else asyncio.create_task(_forget(forgets, days, every))
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _forget(forgets: Sequence[Forget], days: float, every: float) -> None:
    while True:
        for forget in forgets:
            try:
                await asyncio.to_thread(forget, days)
            except StorageError:  # a full disk: requests tell of it, and the next look may succeed
                _log.exception("what is kept could not be cut to %s days", days)
        await asyncio.sleep(every)
