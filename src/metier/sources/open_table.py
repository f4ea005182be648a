"""Opens a table of any format that its suffix names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from metier.errors import SourceError
from metier.sources.csv_table import read_csv
from metier.sources.jsonl_table import read_jsonl
from metier.sources.opening import Found, open_bytes, reading
from metier.sources.parquet_table import read_parquet
from metier.sources.rows import Columns, Dialect, Report, Table
from metier.sources.text_feed import TextFeed

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
ALL = Columns()
SUFFIXES = (*DELIMITERS, ".jsonl", ".ndjson", ".parquet")


@contextmanager
def open_table(
    found: Found,
    *,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quotes: bool | None = None,
    report: Report,
    use: Columns = ALL,
) -> Iterator[Table]:
    """The file's columns and rows; the rows can be read until the block ends."""
    if found.suffix not in SUFFIXES:
        raise SourceError(
            f"{found.uri}: a table's name ends in one of {', '.join(SUFFIXES)}, "
            "if need be with .gz or .zst behind; rename or convert it"
        )
    with reading(found.uri), open_bytes(found) as stream:
        if found.suffix == ".parquet":
            packed = found.compression is not None
            yield read_parquet(stream, uri=found.uri, compressed=packed, report=report, use=use)
            return
        feed = TextFeed(stream, uri=found.uri, encoding=encoding)
        if found.suffix in DELIMITERS:
            dialect = Dialect(delimiter or DELIMITERS[found.suffix], quotes)
            yield read_csv(feed, uri=found.uri, dialect=dialect, report=report)
        else:
            yield read_jsonl(feed, uri=found.uri, report=report)


def check_columns(table: Table, wanted: Sequence[str], uri: str) -> None:
    """Raise SourceError for the first column that is not there, with the nearest that is."""
    for name in wanted:
        if name not in table.columns:
            from rapidfuzz.process import extractOne

            best = extractOne(name.lower(), table.columns, processor=str.lower, score_cutoff=50)
            hint = f"did you mean {best[0]!r}? There are" if best else "there are"
            columns = ", ".join(table.columns)
            raise SourceError(f"{uri}: there is no column {name!r}; {hint}: {columns}")
