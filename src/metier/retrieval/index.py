"""A versioned store of passages that is searched by meaning and by words, while it changes."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import DataError, StorageError
from metier.protocols import Embedder
from metier.retrieval.fuse import joined_scores
from metier.retrieval.rows import SHOWN, Row, condition, quoted, schema, to_hit, to_table
from metier.retrieval.words import recognise, terms
from metier.store import write_text
from metier.types import Hit, Passage, Scope, SearchSettings

if TYPE_CHECKING:
    import lance
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
TABLE, NOTES = "chunks.lance", "index.json"
_BATCH = 512
_LONGEST_QUESTION = 256
"""Distinct words of a question that full-text search compares; a longer one is a document."""
_UNINDEXED = 2000
"""Rows that full-text search may read one by one before the word index takes them in."""


class Index:
    """Passages in a folder; each change is one commit, and every search sees the newest.

    Another process may write while this one reads. ``Retriever`` is the contract it keeps.
    """

    def __init__(
        self,
        path: Path,
        embedder: Embedder,
        settings: SearchSettings,
        *,
        today: Callable[[], str] = lambda: date.today().isoformat(),
    ) -> None:
        """Use ``create`` or ``open``. ``today`` says which date "valid now" means."""
        self.path = path
        self.settings = settings
        self._embedder = embedder
        self._today = today
        self._table: lance.LanceDataset = _import_lance().dataset(str(path / TABLE))

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
        settings = settings or SearchSettings()
        lance = _import_lance()
        lance.write_dataset(schema(dimensions).empty_table(), str(path / TABLE))
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

    def upsert(self, passages: Iterable[Passage]) -> int:
        """Put passages in, in place of all that the store has of their documents; how many.

        One commit: a search sees the documents before or after, never a part of them. Raises
        ``DataError`` when two passages have one id, which is what two documents of one id give.
        """
        new = list(passages)
        _check_ids(new)
        if not new:
            return 0
        if not self.settings.language:
            language = recognise(passage.chunk.text for passage in new[:_BATCH])
            self.settings = dataclasses.replace(self.settings, language=language or "none")
            self._keep_notes()
        documents = sorted({passage.document for passage in new})
        texts = [self._text(passage) for passage in new]
        words = [" ".join(terms(text, self.settings.language)) for text in texts]
        rows = to_table(new, words, self._embedder.embed(texts))
        table = self._newest()
        (
            table.merge_insert("id")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .when_not_matched_by_source_delete(_among("document", documents))
            .execute(rows)
        )
        self._take_words_in()
        return len(new)

    def delete(self, documents: Collection[str]) -> int:
        """Take these documents out; how many passages that were. Unknown ids are no error."""
        table = self._newest()
        before = table.count_rows()
        if documents:
            table.delete(_among("document", sorted(documents)))
        return int(before - self._newest().count_rows())

    def documents(self) -> set[str]:
        """The ids of all documents in the store."""
        return set(self._newest().to_table(columns=["document"])["document"].to_pylist())

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each question, the best first; none when nothing is in scope."""
        table = self._newest()
        if not questions or not table.count_rows():
            return [[] for _ in questions]
        where = condition(scope or Scope(), self._today())
        vectors = self._embedder.embed(questions)
        return [
            self._search_one(table, question, vector, k, where)
            for question, vector in zip(questions, vectors, strict=True)
        ]

    def _search_one(
        self,
        table: lance.LanceDataset,
        question: str,
        vector: NDArray[np.float32],
        k: int,
        where: str,
    ) -> list[Hit]:
        count = max(self.settings.candidates, k)
        by_part = {
            "vector": _nearest(table, vector, count, where),
            "text": _matching(table, terms(question, self.settings.language), count, where),
        }
        rows = {row["id"]: row for found in by_part.values() for row in found}
        ranks = {
            part: {row["id"]: place for place, row in enumerate(found, 1)}
            for part, found in by_part.items()
        }
        words = {row["id"]: row["_score"] for row in by_part["text"]}
        scores = joined_scores(
            [float(vector @ row["vector"]) for row in rows.values()],
            [words.get(id) for id in rows],
            vector_weight=self.settings.vector_weight,
        )
        ids = list(rows)
        best = sorted(range(len(ids)), key=lambda place: -scores[place])[:k]
        return [
            to_hit(
                rows[ids[place]],
                float(scores[place]),
                {part: of[ids[place]] for part, of in ranks.items() if ids[place] in of},
            )
            for place in best
        ]

    def _newest(self) -> lance.LanceDataset:
        self._table.checkout_latest()  # type: ignore[no-untyped-call]  # lance's own
        return self._table

    def _text(self, passage: Passage) -> str:
        """What is embedded and searched: the passage under its title and section."""
        if not self.settings.headers:
            return passage.chunk.text
        header = [passage.chunk.title, passage.section]
        return "\n".join([*(line for line in header if line), passage.chunk.text])

    def _take_words_in(self) -> None:
        """Full-text search finds new rows at once by reading them; many are worth an index."""
        table = self._newest()
        if not any(one.name == "terms_idx" for one in table.describe_indices()):
            table.create_scalar_index(
                "terms",
                "INVERTED",
                base_tokenizer="whitespace",  # the words are made by terms() already
                stem=False,
                lower_case=False,
                remove_stop_words=False,
                ascii_folding=False,
                with_position=False,
            )
        elif table.stats.index_stats("terms_idx")["num_unindexed_rows"] > _UNINDEXED:
            table.optimize.optimize_indices()

    def _keep_notes(self) -> None:
        notes = {
            "format": FORMAT,
            "embedder": self._embedder.name,
            "settings": dataclasses.asdict(self.settings),
        }
        write_text(self.path / NOTES, json.dumps(notes, indent=1) + "\n")


def _nearest(
    table: lance.LanceDataset, vector: NDArray[np.float32], count: int, where: str
) -> list[Row]:
    nearest = {"column": "vector", "q": vector, "k": count, "metric": "dot"}
    return _rows(table, where, nearest=nearest, columns=[*SHOWN, "vector", "_distance"])


def _matching(table: lance.LanceDataset, words: Sequence[str], count: int, where: str) -> list[Row]:
    distinct = list(dict.fromkeys(words))[:_LONGEST_QUESTION]
    if not distinct:
        return []
    query = {"columns": ["terms"], "query": " ".join(distinct)}
    columns = [*SHOWN, "vector", "_score"]
    return _rows(table, where, full_text_query=query, limit=count, columns=columns)


def _rows(table: lance.LanceDataset, where: str, **query: Any) -> list[Row]:
    import numpy as np

    found = table.scanner(filter=where, prefilter=True, **query).to_table()
    vectors = found["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    plain = found.drop_columns(["vector"]).to_pylist()
    for row, vector in zip(plain, np.split(vectors, max(1, len(plain))), strict=False):
        row["vector"] = vector
    return plain  # type: ignore[no-any-return]  # pyarrow comes without types


def _check_ids(passages: Sequence[Passage]) -> None:
    counts = Counter(passage.chunk.id for passage in passages)
    twice = next((id for id, count in counts.items() if count > 1), None)
    if twice is not None:
        same = [passage for passage in passages if passage.chunk.id == twice]
        named = ", ".join(repr(one.uri or one.chunk.title or one.chunk.text[:40]) for one in same)
        raise DataError(
            f"two documents have the id {same[0].document!r} ({named}), so their passage "
            f"{twice!r} could not be told apart; give each document an id of its own"
        )


def _among(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


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


def _import_lance() -> Any:
    """The lance module; it writes warnings about ordinary events to stderr unless told not to."""
    os.environ.setdefault("LANCE_LOG", "error")
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    import lance

    return lance


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
