"""The Lance table under a store: made, given a word index, kept fast while rows come and go."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.retrieval.rows import Row

if TYPE_CHECKING:
    import lance
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_WORDS = "terms_idx"
_VECTORS = "vector_idx"
_MANY = 50_000
"""Rows from which a vector index is built: reading so many vectors takes about 50 ms."""
_PARTITION, _PROBES = 1000, 256
"""Rows in a list, and lists that are read. Questions lie between the passages' clusters: over a
million generated chunks that lie as MiniLM's do, 24 lists hold 54 % of the ten nearest."""
_RECHECKED = 100
"""Candidates by the bits whose vectors are read in full."""
_UNINDEXED = 2000
"""Rows that full-text search may read one by one before the word index takes them in."""


def create_table(path: Path, rows: pa.Table) -> lance.LanceDataset:
    """A new table with these rows."""
    table: lance.LanceDataset = import_lance().write_dataset(rows, str(path))
    return table


def open_table(path: Path) -> lance.LanceDataset:
    """The table in that folder at its newest version."""
    table: lance.LanceDataset = import_lance().dataset(str(path))
    return table


def index_words(table: lance.LanceDataset) -> None:
    """Let full-text search use an index; rows that came after it are found by reading them."""
    if not any(one.name == _WORDS for one in table.describe_indices()):
        table.create_scalar_index(
            "terms",
            "INVERTED",
            name=_WORDS,
            base_tokenizer="whitespace",  # the words are made by words.terms already
            stem=False,
            lower_case=False,
            remove_stop_words=False,
            ascii_folding=False,
            with_position=False,
        )
    elif table.stats.index_stats(_WORDS)["num_unindexed_rows"] > _UNINDEXED:
        table.optimize.optimize_indices()


def index_vectors(table: lance.LanceDataset) -> None:
    """Let vector search read near lists alone, once there are so many rows that it matters.

    One bit a dimension (RaBitQ, Gao and Long 2024) finds the candidates, and ``nearest_to``
    re-reads the best in full. At one byte a dimension the same lists take four to ten times as
    long.
    """
    rows = table.count_rows()
    if any(one.name == _VECTORS for one in table.describe_indices()):
        if table.stats.index_stats(_VECTORS)["num_unindexed_rows"] > _MANY // 10:
            table.optimize.optimize_indices()
    elif rows >= _MANY:
        table.create_index(
            "vector",
            "IVF_RQ",
            name=_VECTORS,
            metric="dot",
            num_partitions=rows // _PARTITION,
        )


def is_large(table: lance.LanceDataset) -> bool:
    """Whether a condition is better tried on what was found than on every row first."""
    return bool(table.count_rows() >= _MANY)


def nearest_to(vector: NDArray[np.float32], count: int) -> Row:
    """The query for the ``count`` rows nearest to a vector, exact in a table without an index."""
    return {
        "column": "vector",
        "q": vector,
        "k": count,
        "metric": "dot",
        "nprobes": _PROBES,
        "refine_factor": max(2, -(-_RECHECKED // count)),
    }


def import_lance() -> Any:
    """The lance module; it writes warnings about ordinary events to stderr unless told not to."""
    os.environ.setdefault("LANCE_LOG", "error")
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    import lance

    return lance
