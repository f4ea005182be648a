"""A versioned store of passages that is searched by meaning and by words, while it changes."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from metier.errors import DataError, StorageError
from metier.protocols import Embedder
from metier.retrieval.store.encoding import Encoded, encode_passages, encode_texts
from metier.retrieval.store.rehearsal import Rehearsed, rehearse
from metier.retrieval.store.rows import (
    SHOWN,
    among,
    among_documents,
    condition,
    on_any_day,
    schema,
    to_hit,
    to_table,
)
from metier.retrieval.store.search import Question, best, candidates
from metier.retrieval.store.succession import ended, ended_rows, first_days, known_versions
from metier.retrieval.store.table import (
    GRACE,
    create_table,
    forget,
    has_deletions,
    keep_indexed,
    open_table,
    replace_documents,
    rewrite,
    unless_preempted,
)
from metier.retrieval.store.words import recognise, terms
from metier.store import write_text
from metier.types import Hit, Owned, Passage, Scope, SearchSettings

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

FORMAT = 1
TABLE, NOTES = "chunks.lance", "index.json"
_BATCH, _REHEARSED = 512, 200
_COMMITS = 64
"""After so many old versions are taken off the disk: each is some files."""


class Index:
    """Passages in a folder; each change is one commit, and every search sees the newest.

    Others may read while one writes, and writers of several processes wait for each other.
    ``Retriever`` is the contract it keeps.
    """

    def __init__(
        self,
        path: Path,
        embedder: Embedder,
        settings: SearchSettings,
        *,
        today: Callable[[], str] = lambda: date.today().isoformat(),
        grace: timedelta = GRACE,
    ) -> None:
        """Use ``create`` or ``open``. ``today`` says which date "valid now" means.

        ``grace`` is how long a version that was replaced stays for those who still read it.
        """
        self.path = path
        self.settings = settings
        self._embedder = embedder
        self._today = today
        self._grace = grace
        self._table: lance.LanceDataset = open_table(path / TABLE)

    @classmethod
    def create(
        cls, path: Path, embedder: Embedder, *, settings: SearchSettings | None = None
    ) -> Index:
        """An empty store in a new folder; ``StorageError`` when there is one already."""
        if (path / TABLE).exists():
            raise StorageError(
                f"there is an index in {path} already; open it, or delete the folder"
            )
        path.mkdir(parents=True, exist_ok=True)
        dimensions = embedder.embed(["dimensions"]).shape[1]
        create_table(path / TABLE, schema(dimensions).empty_table())
        settings = settings or SearchSettings()
        index = cls(path, embedder, settings)
        index._keep_notes()
        return index

    @classmethod
    def open(cls, path: Path, embedder: Embedder) -> Index:
        """The store in that folder; the embedder must be the one that it was made with."""
        notes = _notes(path)
        if notes["embedder"] != embedder.name:
            raise DataError(
                f"the index in {path} was made with the embedder {notes['embedder']!r}, not "
                f"{embedder.name!r}; open it with that one, or build it again"
            )
        return cls(path, embedder, SearchSettings(**notes["settings"]))

    @property
    def version(self) -> int:
        """Grows with each change."""
        return int(self._newest().version)

    def __len__(self) -> int:
        """The number of passages."""
        return int(self._newest().count_rows())

    def upsert(
        self, passages: Iterable[Passage], *, fresh: bool = False, succeed: bool = False
    ) -> int:
        """Put passages in, in place of all that the store has of their documents; how many.

        A document is that of its tenant: what others have under its id stays. One commit: a search
        sees the documents before or after, never a part of them. ``succeed`` ends the version of an
        entity that held before on the day from which a new one does (``valid_from``); of versions
        that come late, each ends where the next begins. Raises ``DataError`` when two
        passages have one id, which is what two documents of one id give; ``fresh`` says that all
        documents are new, and finds a twin from an earlier call too.
        """
        new = list(passages)
        _check_ids(new)
        if not new:
            return 0
        self._recognise(new)
        documents = sorted({passage.owned for passage in new})
        read = encode_passages(new, self._embedder, self.settings)  # slow, so before the lock
        with self._writing():
            if fresh:
                self._check_new(documents)
            rows = self._succeeding(new, read) if succeed else to_table(new, read)
            replace_documents(self._writable(), documents, rows)
            keep_indexed(self._writable())
        return len(new)

    def settle(self, *, grace: timedelta | None = None) -> None:
        """Let the indexes take in all rows, after many came: searches then read none one by one.

        What was deleted or replaced longer ago than ``grace``, by default 15 minutes, leaves the
        disk; with none all does, and a search under way elsewhere may fail.
        """
        with self._sweeping(), self._writing():
            rewrite(self._writable())
            keep_indexed(self._writable(), all_rows=True)
            forget(self._writable(), grace=self._grace if grace is None else grace)

    def sweep(self) -> None:
        """Take off the disk what was deleted or replaced, while others write and wait for nothing.

        As ``settle``, but a write to the same rows goes before: what is left then, and what was
        replaced less than 15 minutes ago, the next sweep takes. Half a gigabyte takes 4 seconds.
        """
        with self._sweeping(), unless_preempted():
            if has_deletions(table := self._writable()):
                rewrite(table)
        with self._writing():
            forget(self._writable(), grace=self._grace)

    def delete(self, documents: Collection[str], *, tenant: str = "") -> int:
        """Take out these documents of one tenant; how many passages that were.

        Unknown ids are no error, and what other tenants have under them stays.
        """
        if not documents:
            return 0
        owned = ((tenant, document) for document in sorted(documents))
        with self._writing():
            before = len(self)
            self._writable().delete(among_documents(owned))
            return before - len(self)

    def documents(self) -> set[str]:
        """The ids of all documents in the store, whosever they are."""
        return set(self._newest().to_table(columns=["document"])["document"].to_pylist())

    def starts(self, scope: Scope) -> set[str]:
        """The days from which passages that the scope lets through on any day hold, if dated."""
        rows = self._newest().to_table(columns=["valid_from"], filter=on_any_day(scope))
        return {day for day in rows["valid_from"].unique().to_pylist() if day is not None}

    def passages_of(self, documents: Collection[str], *, tenant: str = "") -> list[Hit]:
        """All passages of these documents, the tenant's and everybody's, in their order in each.

        Unknown ids are no error.
        """
        if not documents:
            return []
        seen = among("tenant", dict.fromkeys(("", tenant)))
        where = f"{seen} AND {among('document', sorted(documents))}"
        rows = self._newest().to_table(columns=list(SHOWN), filter=where).to_pylist()
        rows.sort(key=lambda row: (row["document"], row["tenant"], row["start"]))
        return [to_hit(row, 0.0, {}) for row in rows]

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each question, the best first; none when nothing is in scope."""
        if not questions or not len(self):
            return [[] for _ in questions]
        where = condition(scope or Scope(), self._today())
        read = encode_texts(self._embedder, questions)
        table = self._newest()  # last, since a version that was replaced stays for a while only
        count = max(self.settings.candidates, k)
        hits = []
        for question, vector, tokens in zip(questions, read.vectors, read.tokens, strict=True):
            asked = Question(vector, tokens, terms(question, self.settings.language))
            found = candidates(table, asked, count=count, where=where)
            hits.append(best(table, found, k, self.settings))
        return hits

    def learn_weights(self, *, questions: int | None = None, seed: int = 0) -> Rehearsed | None:
        """Choose how much to trust each search from the passages themselves, and keep that.

        None, and nothing changed, when there are too few passages to learn from. ``questions``
        is 200, or a quarter of the passages: each is another passage to embed, and in a small
        store they took as long as the store itself.
        """
        table = self._newest()
        questions = questions or min(_REHEARSED, max(40, table.count_rows() // 4))
        learnt = rehearse(table, self._embedder, self.settings, questions=questions, seed=seed)
        if learnt is not None:
            self.settings = learnt.settings
            self._keep_notes()
        return learnt

    def _recognise(self, new: Sequence[Passage]) -> None:
        """Settle on the language of the first passages."""
        if not self.settings.language:
            language = recognise(passage.chunk.text for passage in new[:_BATCH])
            self.settings = dataclasses.replace(self.settings, language=language or "none")
            self._keep_notes()

    def _succeeding(self, new: Sequence[Passage], read: Encoded) -> pa.Table:
        """The new rows, and with them those of other documents whose version they end."""
        import pyarrow as pa

        known = known_versions(self._newest(), new)
        starts = first_days(known, new)
        rows = to_table(ended(new, starts), read)
        return pa.concat_tables([rows, ended_rows(known, starts).cast(rows.schema)])

    def _check_new(self, documents: Sequence[Owned]) -> None:
        twins = among_documents(documents)
        known = self._newest().to_table(columns=["document"], filter=twins, limit=1)
        if len(known):
            raise DataError(
                f"two documents have the id {known['document'][0].as_py()!r}; give each an id "
                "of its own"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Held by one writer at a time: Lance lets two put in one new document, which then stays
        twice, or mixed, and two that end a version would each read what was before the other."""
        with FileLock(self.path / f"{TABLE}.lock"):
            before = self._table.latest_version
            yield
            table = self._writable()
            if table.version // _COMMITS > before // _COMMITS:
                forget(table, grace=self._grace)

    def _sweeping(self) -> FileLock:
        """Held by one that writes rows anew: of two, one would be in vain."""
        return FileLock(self.path / f"{TABLE}.sweep.lock")

    def _writable(self) -> lance.LanceDataset:
        """The newest version as an object of its own: writing moves it on to the next."""
        return self._table.checkout_version(self._table.latest_version)

    def _newest(self) -> lance.LanceDataset:
        """The newest version, which stays as it is while a search reads it twice."""
        latest = self._table.latest_version
        if latest != self._table.version:
            self._table = self._table.checkout_version(latest)
        return self._table

    def _keep_notes(self) -> None:
        notes = {
            "format": FORMAT,
            "embedder": self._embedder.name,
            "settings": dataclasses.asdict(self.settings),
        }
        write_text(self.path / NOTES, json.dumps(notes, indent=1) + "\n")


def _check_ids(passages: Sequence[Passage]) -> None:
    counts = Counter((passage.tenant, passage.chunk.id) for passage in passages)
    twice = next((id for (_, id), count in counts.items() if count > 1), None)
    if twice is not None:
        same = [passage for passage in passages if passage.chunk.id == twice]
        named = ", ".join(repr(one.uri or one.chunk.title or one.chunk.text[:40]) for one in same)
        raise DataError(
            f"two documents have the id {same[0].document!r} ({named}), so their passage "
            f"{twice!r} could not be told apart; give each document an id of its own"
        )


def _notes(path: Path) -> dict[str, Any]:
    try:
        notes: dict[str, Any] = json.loads((path / NOTES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StorageError(f"there is no index in {path}; build it first") from None
    except ValueError as error:
        raise StorageError(f"{path / NOTES} cannot be read ({error}); build it again") from error
    if notes.get("format") != FORMAT:
        raise StorageError(
            f"the index in {path} has format {notes.get('format')}, this metier reads {FORMAT}; "
            "build it again"
        )
    return notes


def embedder_of(path: Path) -> str:
    """The name of the embedder that the store in that folder was made with."""
    return str(_notes(path)["embedder"])


def batches(passages: Iterable[Passage], size: int = _BATCH) -> Iterator[list[Passage]]:
    """Passages in lists of about ``size`` that never cut a document in two."""
    batch: list[Passage] = []
    for passage in passages:
        if len(batch) >= size and passage.document != batch[-1].document:
            yield batch
            batch = []
        batch.append(passage)
    if batch:
        yield batch
