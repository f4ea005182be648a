"""One question against the table: what each search finds, scored by all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.retrieval.store.fuse import joined_scores
from metier.retrieval.store.rows import SHOWN, Row, to_hit
from metier.retrieval.store.table import is_large, nearest_to
from metier.retrieval.store.tokens import late_interaction
from metier.types import Hit, SearchSettings

if TYPE_CHECKING:
    import lance
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_COMPARED = ("id", "vector", "tokens")
_LONGEST_QUESTION = 256
"""Distinct words, and tokens, of a question that are compared; a longer one is a document."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is read from a question."""

    vector: NDArray[np.float32]
    tokens: NDArray[np.float32]
    """Shape (tokens, dimensions)."""
    terms: Sequence[str]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The passages that one of the searches found, in no order."""

    rows: Sequence[int]
    """Where each stands in the version of the table that was searched."""
    ids: Sequence[str]
    scores: Mapping[str, NDArray[np.float64]]
    """By part, shape (candidates,): every part scores every candidate."""
    ranks: Mapping[str, Mapping[int, int]]
    """By part: place in its own list, from 1, by row."""


def weights(settings: SearchSettings) -> dict[str, float]:
    """Each part's weight by its name in ``Hit.ranks``."""
    return {"vector": settings.vector, "text": settings.text, "tokens": settings.tokens}


def best(
    table: lance.LanceDataset, found: Candidates, k: int, settings: SearchSettings
) -> list[Hit]:
    """The ``k`` best candidates by their joined score, the best first, read from their table."""
    joined = joined_scores(found.scores, weights(settings))
    places = ordered(joined)[:k]
    shown = _read(table, [found.rows[place] for place in places], SHOWN).to_pylist()
    return [
        to_hit(row, float(joined[place]), _ranked(found, found.rows[place]))
        for place, row in zip(places, shown, strict=True)
    ]


def ordered(scores: NDArray[np.float64]) -> list[int]:
    """Places from the highest score down; equal ones in the order of the searches."""
    import numpy as np

    places: list[int] = np.argsort(-scores, kind="stable").tolist()
    return places


def candidates(
    table: lance.LanceDataset, question: Question, *, count: int, where: str
) -> Candidates:
    """The ``count`` best by vector and by words, among the rows that the condition allows.

    Of each only what is compared is read: to read all columns of all candidates took longer than
    to find them.
    """
    import numpy as np

    with ThreadPoolExecutor(1) as beside:  # Lance lets go of the interpreter while it searches
        by_words = beside.submit(_matching, table, question.terms, count, where)
        near = _nearest(table, question.vector, count, where)
        matching = by_words.result()
    rows = list(dict.fromkeys((*near, *matching)))
    read = _read(table, rows, _COMPARED)
    # What full text's list does not hold has at most the list's last score; when the list is
    # not full, it has no word of the question.
    least = min(matching.values()) if len(matching) == count else 0.0
    scores = {
        "vector": np.einsum("rd,d->r", _vectors(read), question.vector).astype(np.float64),
        "text": np.array([matching.get(row, least) for row in rows]),
    }
    tokens = read["tokens"].to_pylist()
    if len(question.tokens) and any(tokens):
        scores["tokens"] = late_interaction(question.tokens[:_LONGEST_QUESTION], tokens)
    ranks = {"vector": _ranks(near), "text": _ranks(matching)}
    return Candidates(rows, read["id"].to_pylist(), scores, ranks)


def _ranks(found: Iterable[int]) -> dict[int, int]:
    return {row: place for place, row in enumerate(found, 1)}


def _ranked(found: Candidates, row: int) -> dict[str, int]:
    return {part: ranks[row] for part, ranks in found.ranks.items() if row in ranks}


def _nearest(
    table: lance.LanceDataset, vector: NDArray[np.float32], count: int, where: str
) -> list[int]:
    """Rows, the nearest first."""

    def query(rows: int) -> Row:
        return {"columns": ["_distance"], "nearest": nearest_to(vector, rows)}

    rows: list[int] = _found(table, where, count, query)["_rowid"].to_pylist()
    return rows


def _matching(
    table: lance.LanceDataset, words: Sequence[str], count: int, where: str
) -> dict[int, float]:
    """BM25 by row, the highest first."""
    distinct = list(dict.fromkeys(words))[:_LONGEST_QUESTION]
    if not distinct:
        return {}
    text = {"columns": ["terms"], "query": " ".join(distinct)}

    def query(rows: int) -> Row:
        return {"columns": ["_score"], "full_text_query": text, "limit": rows}

    found = _found(table, where, count, query)
    return dict(zip(found["_rowid"].to_pylist(), found["_score"].to_pylist(), strict=True))


def _found(
    table: lance.LanceDataset, where: str, count: int, query: Callable[[int], Row]
) -> pa.Table:
    """The best ``count`` rows that the condition allows.

    In a large table the condition is tried on the best of all rows first, because most scopes let
    most rows through and to try it on every row takes longer than the search.
    """
    if is_large(table):
        wide = query(2 * count)
        found = table.scanner(filter=where, prefilter=False, with_row_id=True, **wide).to_table()
        if len(found) >= count:
            return found.slice(0, count)
        if table.scanner(**wide).to_table().num_rows < 2 * count:
            return found  # fewer rows than that have one of the words
    return table.scanner(filter=where, prefilter=True, with_row_id=True, **query(count)).to_table()


def _read(table: lance.LanceDataset, rows: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """These columns of these rows, in this order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places = ", ".join(str(row) for row in rows) or "NULL"
    read = table.to_table(columns=list(columns), filter=f"_rowid IN ({places})", with_row_id=True)
    return read.take(pc.index_in(pa.array(rows), read["_rowid"]))


def _vectors(read: pa.Table) -> NDArray[np.float32]:
    """Shape (rows, dimensions)."""
    column = read["vector"].combine_chunks()
    flat: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size)
