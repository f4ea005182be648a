"""The Lance table under a store: made, indexed, kept fast while rows come and go."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from metier.retrieval.store.rows import Row, among_documents
from metier.types import Owned

if TYPE_CHECKING:
    import lance
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_WORDS, _VECTORS = "terms_idx", "vector_idx"
_IDS, _DOCUMENTS, _TENANTS = "id_idx", "document_idx", "tenant_idx"
_KEY = ["tenant", "id"]
"""What tells a passage from all others: those of two tenants may have one id."""
_MANY = 50_000
"""Rows from which a vector index is built: reading so many vectors takes about 50 ms."""
_PARTITION, _PROBES = 1000, 352
"""Rows in a list, and lists that are read. Questions lie between the passages' clusters: over a
million generated chunks that lie as MiniLM's do, 24 lists hold 54 % of the ten nearest, 256 hold
92 % and 320 hold 95 %."""
_SAMPLED = 64
"""Vectors a list from which the lists' centres are learnt; with Lance's own 256 it takes twice as
long."""
_RECHECKED = 100
"""Candidates by the bits whose vectors are read in full."""
GRACE = timedelta(minutes=15)
"""How long a version stays once the next is there: a search reads one version to its end, and so
does learning the weights, which embeds hundreds of texts."""


def create_table(path: Path, rows: pa.Table | pa.RecordBatchReader) -> lance.LanceDataset:
    """A new table with these rows.

    In Lance's newest layout a column that is the same in all rows is read whole for any of them:
    ten rows of a million then take 90 ms in place of 8.
    """
    table: lance.LanceDataset = import_lance().write_dataset(
        rows, str(path), data_storage_version="2.1"
    )
    return table


def open_table(path: Path) -> lance.LanceDataset:
    """The table in that folder at its newest version."""
    table: lance.LanceDataset = import_lance().dataset(str(path))
    return table


def replace_documents(
    table: lance.LanceDataset, documents: Collection[Owned], rows: pa.Table
) -> None:
    """Put rows in, in place of all that the table has of these documents, in one commit."""
    own = among_documents(documents)
    merge = table.merge_insert(_KEY).when_matched_update_all().when_not_matched_insert_all()
    if not _keys(table.to_table(columns=_KEY, filter=own)) <= _keys(rows):
        # Only here, since it reads the whole table: a second for a million rows.
        merge = merge.when_not_matched_by_source_delete(own)
    merge.execute(rows)


def rewrite(table: lance.LanceDataset) -> None:
    """Write rows together, and anew where any beside them was deleted, which leaves those out."""
    table.optimize.compact_files(materialize_deletions_threshold=0.0)


def has_deletions(table: lance.LanceDataset) -> bool:
    """Whether a file of the newest version still holds rows that were taken out."""
    return any(fragment.num_deletions for fragment in table.get_fragments())


@contextmanager
def unless_preempted() -> Iterator[None]:
    """Leave a change undone before which another one was made to the same rows; it can wait."""
    try:
        yield
    except OSError as error:  # Lance has no error of its own for it
        if "commit conflict" not in str(error):
            raise


def forget(table: lance.LanceDataset, *, grace: timedelta = GRACE) -> None:
    """Take off the disk what versions alone hold that were replaced longer ago than ``grace``.

    Lance counts from when a version was made; one of last year may have been replaced just now.
    """
    until = datetime.now() - grace
    known = sorted(table.versions(), key=lambda one: int(one["version"]))
    old = [
        int(one["version"])
        for one, following in pairwise(known)
        if cast(datetime, following["timestamp"]) <= until
    ]
    if old:
        table.cleanup_old_versions(versions=old, error_if_tagged_old_versions=False)


def _keys(rows: pa.Table) -> set[tuple[str, ...]]:
    return set(zip(*(rows[column].to_pylist() for column in _KEY), strict=True))


def keep_indexed(table: lance.LanceDataset, *, all_rows: bool = False) -> None:
    """Build the indexes that so many rows need, and let each take in new rows once they are many.

    What no index covers yet is found all the same, by reading it; ``all_rows`` leaves none such,
    unless the rows are being rewritten meanwhile.
    """
    covered = {one.name: one.num_rows_indexed for one in table.describe_indices()}
    rows = table.count_rows()
    for name, index in _INDEXES.items():
        with unless_preempted():
            if name not in covered:
                if rows >= index.least:
                    index.build(table)
            elif rows - covered[name] > (0 if all_rows else index.unread):
                table.optimize.optimize_indices(index_names=[name])


def _index_words(table: lance.LanceDataset) -> None:
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


def _index_vectors(table: lance.LanceDataset) -> None:
    """One bit a dimension (RaBitQ, Gao and Long 2024) finds the candidates.

    ``nearest_to`` reads the best again in full. At one byte a dimension the same lists take four
    to ten times as long.
    """
    table.create_index(
        "vector",
        "IVF_RQ",
        name=_VECTORS,
        metric="dot",
        num_partitions=table.count_rows() // _PARTITION,
        sample_rate=_SAMPLED,
    )


def _index_documents(table: lance.LanceDataset) -> None:
    table.create_scalar_index("document", "BTREE", name=_DOCUMENTS)


def _index_ids(table: lance.LanceDataset) -> None:
    table.create_scalar_index("id", "BTREE", name=_IDS)


def _index_tenants(table: lance.LanceDataset) -> None:
    table.create_scalar_index("tenant", "BITMAP", name=_TENANTS)


@dataclass(frozen=True, slots=True)
class _Index:
    build: Callable[[lance.LanceDataset], None]
    least: int
    """Rows from which it is built."""
    unread: int
    """Rows that may wait to be taken in: to read them one by one takes some milliseconds."""


_INDEXES = {
    _WORDS: _Index(_index_words, 0, 2000),
    _VECTORS: _Index(_index_vectors, _MANY, 5000),
    _IDS: _Index(_index_ids, _MANY, 20_000),
    _DOCUMENTS: _Index(_index_documents, _MANY, 20_000),
    _TENANTS: _Index(_index_tenants, _MANY, 20_000),
}


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
        "refine_factor": -(-_RECHECKED // count),
    }


def import_lance() -> Any:
    """The lance module; it writes warnings about ordinary events to stderr unless told not to."""
    os.environ.setdefault("LANCE_LOG", "error")
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    import lance

    return lance
