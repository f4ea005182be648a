"""Reads Parquet by record batches, with values as plain JSON."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from metier.errors import SourceError
from metier.sources.rows import Report, Row, Table
from metier.types import Json

ParquetFile = Any  # pyarrow has no types

BATCH_ROWS = 1024


def read_parquet(stream: BinaryIO, *, uri: str, compressed: bool, report: Report) -> Table:
    """A table whose rows are counted from 1; a compressed file is unpacked to disk first."""
    import pyarrow as pa
    from pyarrow import parquet

    if compressed:
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the last reference
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
    return Table(tuple(file.schema_arrow.names), _rows(file, report))


def _rows(file: ParquetFile, report: Report) -> Iterator[Row]:
    number = 0
    names = file.schema_arrow.names
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            number += 1
            try:
                row = dict(zip(names, map(_plain, values), strict=True))
            except UnicodeDecodeError as error:
                report(number, f"bytes that are not UTF-8 ({error.reason})")
                continue
            yield number, row


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
