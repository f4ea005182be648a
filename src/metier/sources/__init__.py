"""Origins of documents: one file per kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from metier.errors import DataError
from metier.protocols import Source
from metier.sources.files import FileSource
from metier.sources.inspect import TableShape, look
from metier.sources.python_docs import PythonDocsSource
from metier.sources.stream import StreamSource
from metier.sources.tables import TableSource
from metier.types import Json

__all__ = [
    "FileSource",
    "PythonDocsSource",
    "StreamSource",
    "TableShape",
    "TableSource",
    "look",
    "open_source",
]

Kind = type[TableSource] | type[FileSource] | type[PythonDocsSource] | type[StreamSource]
KINDS: Mapping[str, Kind] = {
    "table": TableSource,
    "files": FileSource,
    "python_docs": PythonDocsSource,
    "stream": StreamSource,
}


def open_source(kind: str, options: Mapping[str, Json]) -> Source:
    """The source of this kind; its options are the fields of its class.

    Raises DataError for an unknown kind or option, with the nearest spelling, and for a missing
    option.
    """
    if kind not in KINDS:
        raise DataError(f"there is no source {kind!r}{_nearest(kind, list(KINDS))}")
    known = {field.name: field for field in fields(KINDS[kind])}
    for name in options:
        if name not in known:
            raise DataError(f"source {kind!r} has no option {name!r}{_nearest(name, list(known))}")
    first = next(iter(known))
    if kind != "python_docs" and first not in options:
        raise DataError(f"source {kind!r} needs the option {first!r}: where to read from")
    return KINDS[kind](**options)


def _nearest(name: str, known: list[str]) -> str:
    from rapidfuzz.process import extractOne

    best = extractOne(name, known, score_cutoff=50)
    hint = f"; did you mean {best[0]!r}?" if best else ""
    return f"{hint} Known: {', '.join(known)}" if hint else f"; known: {', '.join(known)}"
