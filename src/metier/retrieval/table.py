"""The Lance table under a store: made, given a word index, kept fast while rows come and go."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

_WORDS = "terms_idx"
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


def import_lance() -> Any:
    """The lance module; it writes warnings about ordinary events to stderr unless told not to."""
    os.environ.setdefault("LANCE_LOG", "error")
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    import lance

    return lance
