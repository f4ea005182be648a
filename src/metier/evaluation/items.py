"""Item results as JSON and as an Arrow table, without loss in either direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.types import ItemResult, Json

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import TypeAdapter

TABLE_VERSION = "1"


def item_to_json(item: ItemResult) -> dict[str, Json]:
    """A value that ``json.dumps`` accepts and ``item_from_json`` turns back into an equal item."""
    plain: dict[str, Json] = _adapter().dump_python(item, mode="json")
    return plain


def item_from_json(value: Json) -> ItemResult:
    """Read what ``item_to_json`` wrote; DataError names the field that does not fit."""
    from pydantic import ValidationError

    try:
        return _adapter().validate_python(value)
    except ValidationError as error:
        raise DataError(f"not a stored item result: {error}") from error


def items_to_table(items: Sequence[ItemResult]) -> pa.Table:
    """One row per item: columns to query by, and the whole item as JSON in ``item``."""
    import pyarrow as pa

    return pa.table(
        {
            "example": [item.example for item in items],
            "suite": [item.suite for item in items],
            "input": [item.input for item in items],
            "target": [item.target for item in items],
            "answer": [item.answer.text for item in items],
            "scorer": [item.scores[0].scorer if item.scores else None for item in items],
            "score": [item.scores[0].value if item.scores else None for item in items],
            "prompt_tokens": [item.answer.usage.prompt_tokens for item in items],
            "completion_tokens": [item.answer.usage.completion_tokens for item in items],
            "seconds": [item.seconds for item in items],
            "item": [_adapter().dump_json(item).decode() for item in items],
        },
        schema=_schema(),
    )


def items_from_table(table: pa.Table) -> list[ItemResult]:
    """The items of ``items_to_table``, in the table's order."""
    written = (table.schema.metadata or {}).get(b"metier.items", TABLE_VERSION.encode()).decode()
    if written != TABLE_VERSION:
        raise DataError(f"items were stored in format {written}; this metier reads {TABLE_VERSION}")
    texts: Iterable[str] = table.column("item").to_pylist()
    return [_adapter().validate_json(text) for text in texts]


def _schema() -> pa.Schema:
    import pyarrow as pa

    texts, counts, numbers = pa.string(), pa.int64(), pa.float64()
    return pa.schema(
        [
            ("example", texts),
            ("suite", texts),
            ("input", texts),
            ("target", texts),
            ("answer", texts),
            ("scorer", texts),
            ("score", numbers),
            ("prompt_tokens", counts),
            ("completion_tokens", counts),
            ("seconds", numbers),
            ("item", texts),
        ],
        metadata={"metier.items": TABLE_VERSION},
    )


@cache
def _adapter() -> TypeAdapter[ItemResult]:
    from pydantic import TypeAdapter

    return TypeAdapter(ItemResult)
