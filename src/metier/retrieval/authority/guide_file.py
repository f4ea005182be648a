"""The guide of a store that changes: what is taken in adds to it, searches go by the newest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from filelock import FileLock

from metier import serial
from metier.protocols import Retriever
from metier.retrieval.authority.guided import grown
from metier.retrieval.store.live import Store
from metier.store import write_text
from metier.types import Guide, Hit, Passage, Scope


class GrowingGuide:
    """A store that tells its guide, kept in ``path``, of the entities that come.

    Names of what is taken out stay known.
    """

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path

    def upsert(self, passages: Iterable[Passage], *, succeed: bool = False) -> int:
        """Put documents in; their entities can be named from then on."""
        new = list(passages)
        count = self._store.upsert(new, succeed=succeed)
        # Two streams may be followed into one store.
        with FileLock(self._path.with_name(f"{self._path.name}.lock")):
            known = serial.read(Guide, self._path)
            told = grown(known, new)
            if told != known:
                write_text(self._path, serial.dump(told))
        return count

    def delete(self, documents: Collection[str], *, tenant: str = "") -> int:
        """Take documents of one tenant out."""
        return self._store.delete(documents, tenant=tenant)

    def sweep(self) -> None:
        """As the store's."""
        self._store.sweep()


class NewestGuide:
    """A search led by the guide in ``path`` as it stands: a changed file counts from then on."""

    def __init__(self, path: Path, led_by: Callable[[Guide], Retriever]) -> None:
        self._path = path
        self._led_by = led_by
        self._seen = self._state()
        self._search = led_by(serial.read(Guide, path))

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """As the search that ``led_by`` gives for the newest guide."""
        state = self._state()
        if state not in (None, self._seen):
            self._search = self._led_by(serial.read(Guide, self._path))
            self._seen = state
        return self._search.search(questions, k, scope=scope)

    def _state(self) -> tuple[int, int] | None:
        """What tells one file from the next in its place; None while there is none."""
        try:
            found = self._path.stat()
        except FileNotFoundError:  # the release is being replaced, or was taken away
            return None
        return found.st_ino, found.st_mtime_ns
