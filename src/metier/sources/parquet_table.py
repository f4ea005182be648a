"""Reads Parquet by record batches, with values as plain JSON."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from metier.errors import SourceError
from metier.sources.rows import Columns, Report, Row, Table, check_names
from metier.store import writing_temporary_files
from metier.types import Json

ParquetFile = Any  # pyarrow has no types
Column = Any

BATCH_ROWS = 1024


def read_parquet(
    stream: BinaryIO, *, uri: str, compressed: bool, report: Report, use: Columns
) -> Table:
    """A table whose rows are counted from 1; a compressed file is unpacked to disk first."""
    import pyarrow as pa
    from pyarrow import parquet

    if compressed:
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the last reference
        with writing_temporary_files():
            shutil.copyfileobj(stream, unpacked)
        unpacked.seek(0)
        stream = unpacked
    if not stream.read(1):
        raise SourceError(f"{uri}: the file is empty; check what wrote it")
    try:
        # Buffering ahead would hold whole row groups, which may be the whole file.
        file = parquet.ParquetFile(stream, pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise SourceError(f"{uri}: not a whole Parquet file ({error}); fetch it anew") from error
    names = tuple(file.schema_arrow.names)
    check_names(names, uri)
    return Table(names, _rows(file, report, use))


def _rows(file: ParquetFile, report: Report, use: Columns) -> Iterator[Row]:
    """Rows with the columns that are used; of those that only come along, None for no text."""
    number = 0
    names = [name for name in file.schema_arrow.names if use.others or name in use.needed]
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names):
        columns = [_values(batch.column(name)) for name in names]
        for values in zip(*columns, strict=True):
            number += 1
            row, wrong = {}, ""
            for name, value in zip(names, values, strict=True):
                try:
                    row[name] = _plain(value)
                except UnicodeDecodeError as error:
                    row[name] = None
                    if name in use.needed:
                        wrong = f"bytes that are not UTF-8 ({error.reason})"
            if wrong:
                report(number, wrong)
            else:
                yield number, row


def _values(column: Column) -> list[object]:
    """The column's values; a time that Python cannot hold is Arrow's spelling of it."""
    try:
        values: list[object] = column.to_pylist()
    except (OverflowError, ValueError):
        return [_value(cell) for cell in column]
    return values


def _value(cell: Column) -> object:
    import pyarrow as pa

    try:
        return cell.as_py()
    except (OverflowError, ValueError):
        try:
            return cell.cast(pa.string()).as_py()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None


def _plain(value: object) -> Json:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
