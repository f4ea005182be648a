"""Takes a stream's updates into a store while others search it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Protocol

from metier.errors import StorageError
from metier.protocols import Progress, silent
from metier.retrieval.store.table import GRACE
from metier.store import write_text
from metier.types import Document, Passage, Update


class Store(Protocol):
    """A store that changes while it is searched, such as ``Index``."""

    def upsert(self, passages: Iterable[Passage], *, succeed: bool = False) -> int:
        """Put documents in, in place of what had their ids; see ``Index.upsert``."""
        ...

    def delete(self, documents: Collection[str], *, tenant: str = "") -> int:
        """Take documents of one tenant out."""
        ...

    def sweep(self) -> None:
        """Take off the disk what was deleted or replaced; who writes meanwhile does not wait."""
        ...


def follow(
    store: Store,
    batches: Iterable[Sequence[Update]],
    *,
    passages: Callable[[Document], Sequence[Passage]],
    position: Path,
    succeed: bool = False,
    progress: Progress = silent,
) -> int:
    """Take in each batch as it comes, until there are no more; how many updates that were.

    ``batches`` comes from ``StreamSource.updates(..., after=resume(position))``. The position is
    written after the batch stands in the store: after a kill the last batch is taken in again,
    which changes nothing. Deleted and replaced text leaves the disk meanwhile; see ``sweeping``.
    """
    done = 0
    with sweeping(store) as sweeps:
        for batch in batches:
            apply(store, batch, passages, succeed=succeed)
            if batch:
                write_text(position, f"{batch[-1].position}\n")
            done += len(batch)
            progress(done, None, "updates")
            if sweeps.done():  # only by a fault, such as a full disk
                sweeps.result()
    return done


@contextmanager
def sweeping(store: Store, *, every: float = GRACE.total_seconds()) -> Iterator[Future[None]]:
    """Sweep a store at once, every so many seconds, and at the end, in a thread of its own.

    At once, since what a killed process took out is there still.
    """
    ended = Event()

    def work() -> None:
        store.sweep()
        while not ended.wait(every):
            store.sweep()
        store.sweep()

    with ThreadPoolExecutor(1) as thread:
        sweeps = thread.submit(work)
        try:
            yield sweeps
        finally:
            ended.set()
    sweeps.result()


def apply(
    store: Store,
    batch: Sequence[Update],
    passages: Callable[[Document], Sequence[Passage]],
    *,
    succeed: bool = False,
) -> None:
    """One batch; of several updates of a document only the last counts.

    A document of which nothing is left after cleaning is taken out, as its old text no longer is
    what it says.
    """
    last = {(update.tenant, update.id): update for update in batch}
    cut = {
        owned: passages(update.document) if update.document is not None else ()
        for owned, update in last.items()
    }
    gone: dict[str, list[str]] = {}
    for (tenant, id), found in cut.items():
        if not found:
            gone.setdefault(tenant, []).append(id)
    # Deletes first: what must not be seen any more waits for no embedding.
    for tenant, ids in gone.items():
        store.delete(ids, tenant=tenant)
    new = [passage for found in cut.values() for passage in found]
    if new:
        store.upsert(new, succeed=succeed)


class CaughtUp:
    """Says to stop when nothing more has come: for a stream that is read up to where it stands."""

    def __init__(self) -> None:
        self._waited = False

    def __call__(self) -> bool:
        """Asked before each look at the stream, for ``StreamSource.updates(stop=...)``."""
        waited, self._waited = self._waited, True
        return waited

    def watching(self, batches: Iterable[Sequence[Update]]) -> Iterator[Sequence[Update]]:
        """The batches, each of which is a sign that more may come."""
        for batch in batches:
            self._waited = False
            yield batch


def resume(position: Path) -> int:
    """The position that ``follow`` kept there; 0 when there is none yet."""
    try:
        return int(position.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{position}: no position can be read ({error}); delete it to read the stream from its "
            "start, which does no harm"
        ) from error
