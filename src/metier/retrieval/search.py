"""One question against the table: what each search finds, scored by all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.retrieval.fuse import joined_scores
from metier.retrieval.rows import SHOWN, Row, to_hit
from metier.retrieval.table import is_large, nearest_to
from metier.retrieval.tokens import late_interaction
from metier.types import Hit, SearchSettings

if TYPE_CHECKING:
    import lance
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_READ = [*SHOWN, "vector", "tokens"]
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

    rows: Sequence[Row]
    scores: Mapping[str, NDArray[np.float64]]
    """By part, shape (candidates,): every part scores every candidate."""
    ranks: Mapping[str, Mapping[str, int]]
    """By part: place in its own list, from 1, by passage id."""


def weights(settings: SearchSettings) -> dict[str, float]:
    """Each part's weight by its name in ``Hit.ranks``."""
    return {"vector": settings.vector, "text": settings.text, "tokens": settings.tokens}


def best(found: Candidates, k: int, settings: SearchSettings) -> list[Hit]:
    """The ``k`` best candidates by their joined score, the best first."""
    import numpy as np

    joined = joined_scores(found.scores, weights(settings))
    # Stable, so that equal scores keep the order of the searches.
    order = np.argsort(-joined, kind="stable")[:k]
    return [
        to_hit(row, float(joined[place]), _places(found, row["id"]))
        for place, row in ((place, found.rows[place]) for place in order)
    ]


def candidates(
    table: lance.LanceDataset, question: Question, *, count: int, where: str
) -> Candidates:
    """The ``count`` best by vector and by words, among the rows that the condition allows."""
    import numpy as np

    near = _nearest(table, question.vector, count, where)
    matching = _matching(table, question.terms, count, where)
    rows = list({row["id"]: row for row in (*near, *matching)}.values())
    words: dict[str, float] = {row["id"]: row["_score"] for row in matching}
    # What full text's list does not hold has at most the list's last score; when the list is
    # not full, it has no word of the question.
    least = matching[-1]["_score"] if len(matching) == count else 0.0
    scores = {
        "vector": np.array([float(question.vector @ row["vector"]) for row in rows]),
        "text": np.array([words.get(row["id"], least) for row in rows]),
    }
    tokens = [row["tokens"] for row in rows]
    if len(question.tokens) and any(tokens):
        scores["tokens"] = late_interaction(question.tokens[:_LONGEST_QUESTION], tokens)
    ranks = {"vector": _ranks(near), "text": _ranks(matching)}
    return Candidates(rows, scores, ranks)


def _ranks(found: Sequence[Row]) -> dict[str, int]:
    return {row["id"]: place for place, row in enumerate(found, 1)}


def _places(found: Candidates, id: str) -> dict[str, int]:
    return {part: ranks[id] for part, ranks in found.ranks.items() if id in ranks}


def _nearest(
    table: lance.LanceDataset, vector: NDArray[np.float32], count: int, where: str
) -> list[Row]:
    def query(rows: int) -> Row:
        return {"columns": [*_READ, "_distance"], "nearest": nearest_to(vector, rows)}

    return _rows(_found(table, where, count, query))


def _matching(table: lance.LanceDataset, words: Sequence[str], count: int, where: str) -> list[Row]:
    distinct = list(dict.fromkeys(words))[:_LONGEST_QUESTION]
    if not distinct:
        return []
    text = {"columns": ["terms"], "query": " ".join(distinct)}

    def query(rows: int) -> Row:
        return {"columns": [*_READ, "_score"], "full_text_query": text, "limit": rows}

    return _rows(_found(table, where, count, query))


def _found(
    table: lance.LanceDataset, where: str, count: int, query: Callable[[int], Row]
) -> pa.Table:
    """The best ``count`` rows that the condition allows.

    In a large table the condition is tried on the best of all rows first, because most scopes let
    most rows through and to try it on every row takes longer than the search.
    """
    if is_large(table):
        wide = query(2 * count)
        found = table.scanner(filter=where, prefilter=False, **wide).to_table()
        if len(found) >= count:
            return found.slice(0, count)
        if table.scanner(**{**wide, "columns": ["id"]}).to_table().num_rows < 2 * count:
            return found  # fewer rows than that have one of the words
    return table.scanner(filter=where, prefilter=True, **query(count)).to_table()


def _rows(found: pa.Table) -> list[Row]:
    import numpy as np

    rows: list[Row] = found.drop_columns(["vector"]).to_pylist()
    if rows:
        flat = found["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        for row, vector in zip(rows, np.split(flat, len(rows)), strict=True):
            row["vector"] = vector
    return rows
