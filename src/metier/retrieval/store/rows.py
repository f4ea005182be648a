"""Passages as rows of a Lance table and back, and what a scope lets through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from metier.retrieval.store.encoding import Encoded
from metier.types import Chunk, Hit, Owned, Passage, Piece, Region, Scope, Span

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""One row of the table, by column; ``Any`` because columns differ in type."""

SHOWN = (
    "id",
    "document",
    "text",
    "title",
    "section",
    "start",
    "end",
    "span",
    "box",
    "pieces",
    "regions",
    "uri",
    "tier",
    "tenant",
    "valid_from",
    "valid_to",
    "metadata",
)
"""The columns that a hit is made of."""


def schema(dimensions: int) -> pa.Schema:
    """The table's columns."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            ("id", text),
            ("document", text),
            ("text", pa.large_string()),
            ("title", text),
            ("section", text),
            ("start", number),
            ("end", number),
            ("span", pa.list_(number)),
            ("box", pa.list_(pa.float64())),
            ("pieces", pa.list_(number)),
            ("regions", pa.list_(pa.float64())),
            ("uri", text),
            ("tier", text),
            ("tenant", text),
            ("entity", text),
            ("valid_from", text),
            ("valid_to", text),
            ("metadata", pa.large_string()),
            ("terms", pa.large_string()),
            ("tokens", pa.large_binary()),
            ("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )


def to_table(passages: Sequence[Passage], read: Encoded) -> pa.Table:
    """Rows for passages and what was read from them."""
    import pyarrow as pa

    vectors = read.vectors

    columns = schema(vectors.shape[1])
    rows = [
        _row(passage) | {"terms": words, "tokens": tokens}
        for passage, words, tokens in zip(passages, read.terms, read.tokens, strict=True)
    ]
    plain = pa.schema([column for column in columns if column.name != "vector"])
    flat = pa.array(vectors.reshape(-1), type=pa.float32())
    nested = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.Table.from_pylist(rows, schema=plain).append_column("vector", nested).cast(columns)


def _row(passage: Passage) -> Row:
    chunk, span = passage.chunk, passage.chunk.source
    return {
        "id": chunk.id,
        "document": span.document,
        "text": chunk.text,
        "title": chunk.title,
        "section": passage.section,
        "start": chunk.start,
        "end": chunk.end,
        "span": [span.start, span.end] + ([] if span.page is None else [span.page]),
        "box": None if span.box is None else list(span.box),
        "pieces": [int(number) for piece in chunk.pieces for number in astuple(piece)],
        "regions": [
            number
            for line in chunk.regions
            for number in (line.start, line.end, line.page, *line.box)
        ],
        "uri": passage.uri,
        "tier": passage.tier,
        "tenant": passage.tenant,
        "entity": passage.entity,
        "valid_from": passage.valid_from,
        "valid_to": passage.valid_to,
        "metadata": json.dumps(dict(passage.metadata), ensure_ascii=False, default=str),
    }


def to_hit(row: Row, score: float, ranks: dict[str, int]) -> Hit:
    """A found row as what a search returns."""
    start, end, *page = row["span"]
    box = None if row["box"] is None else tuple(row["box"])
    span = Span(row["document"], start, end, page[0] if page else None, box)
    return Hit(
        chunk=Chunk(
            id=row["id"],
            text=row["text"],
            start=row["start"],
            end=row["end"],
            source=span,
            title=row["title"],
            pieces=_pieces(row["pieces"]),
            regions=_regions(row["regions"]),
        ),
        score=score,
        uri=row["uri"],
        tier=row["tier"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        metadata=json.loads(row["metadata"]),
        ranks=ranks,
        section=row["section"],
        tenant=row["tenant"],
    )


def _pieces(numbers: Sequence[int]) -> tuple[Piece, ...]:
    rows = zip(*[iter(numbers)] * 5, strict=True)
    return tuple(Piece(start, end, first, last, bool(own)) for start, end, first, last, own in rows)


def _regions(numbers: Sequence[float]) -> tuple[Region, ...]:
    rows = zip(*[iter(numbers)] * 7, strict=True)
    return tuple(
        Region(int(start), int(end), int(page), (left, bottom, right, top))
        for start, end, page, left, bottom, right, top in rows
    )


def condition(scope: Scope, today: str) -> str:
    """The scope as an SQL condition on the table's columns.

    What belongs to nobody is seen by all. Dates are compared as text, which is their order in
    ISO 8601; a text holds from ``valid_from`` up to, and not on, ``valid_to``, so of two versions
    that follow each other one is seen.
    """
    date = quoted(scope.as_of or today)
    parts = [
        on_any_day(scope),
        f"(valid_from IS NULL OR valid_from <= {date})",
        f"(valid_to IS NULL OR valid_to > {date})",
    ]
    return " AND ".join(parts)


def on_any_day(scope: Scope) -> str:
    """What a ``condition`` says of all but the day."""
    parts = [among("tenant", dict.fromkeys(("", scope.tenant)))]
    if scope.tiers:
        parts.append(among("tier", scope.tiers))
    if scope.entities:
        parts.append(among("entity", scope.entities))
    return " AND ".join(parts)


def lets_through(scope: Scope, passage: Passage, today: str) -> bool:
    """Whether a search under this ``condition`` sees the passage, for passages in no table."""
    day = scope.as_of or today
    return (
        passage.tenant in ("", scope.tenant)
        and (passage.valid_from is None or passage.valid_from <= day)
        and (passage.valid_to is None or passage.valid_to > day)
        and (not scope.tiers or passage.tier in scope.tiers)
        and (not scope.entities or passage.entity in scope.entities)
    )


def among(column: str, values: Iterable[str]) -> str:
    """The SQL condition that a column has one of these values."""
    return f"{column} IN ({', '.join(quoted(value) for value in values)})"


def among_documents(documents: Iterable[Owned]) -> str:
    """The SQL condition that a row is of one of these documents, each that of its tenant alone."""
    ids: dict[str, list[str]] = {}
    for tenant, document in documents:
        ids.setdefault(tenant, []).append(document)
    parts = [
        f"(tenant = {quoted(tenant)} AND {among('document', own)})" for tenant, own in ids.items()
    ]
    return f"({' OR '.join(parts)})"


def quoted(value: str) -> str:
    """A text as SQL writes it: what stands in it can never end it."""
    return "'" + value.replace("'", "''") + "'"
