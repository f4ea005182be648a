"""A version of an entity ends on the day on which the next one begins."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from metier.retrieval.store.rows import among_documents, quoted
from metier.types import Passage

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

Key = tuple[str, str, str]
"""Entity, tenant and tier: one line of versions."""
Starts = Mapping[Key, Sequence[str]]
"""The first days of each line's versions, in order."""


def known_versions(table: lance.LanceDataset, new: Sequence[Passage]) -> pa.Table:
    """What the store has about the entities of these passages, in other documents than theirs."""
    entities = ", ".join(sorted({quoted(one.entity) for one in new if one.entity}))
    documents = among_documents(sorted({one.owned for one in new}))
    where = f"entity IN ({entities}) AND NOT {documents}" if entities else "false"
    return table.to_table(filter=where)


def first_days(known: pa.Table, new: Sequence[Passage]) -> Starts:
    """When each version begins, of what the store has and of what comes; undated ones begin ""."""
    days: dict[Key, set[str]] = defaultdict(set)
    for row in known.select(["entity", "tenant", "tier", "valid_from"]).to_pylist():
        days[row["entity"], row["tenant"], row["tier"]].add(row["valid_from"] or "")
    for one in new:
        if one.entity:
            days[_key(one)].add(one.valid_from or "")
    return {key: sorted(found) for key, found in days.items()}


def ended(new: Sequence[Passage], starts: Starts) -> list[Passage]:
    """The new passages; one that is older than a known version ends where that begins."""
    return [
        replace(one, valid_to=_end(starts[_key(one)], one.valid_from, one.valid_to))
        if one.entity
        else one
        for one in new
    ]


def ended_rows(known: pa.Table, starts: Starts) -> pa.Table:
    """The rows that the new passages put an end to, with their last day set; no others."""
    import pyarrow as pa

    columns = ["entity", "tenant", "tier", "valid_from", "valid_to"]
    ends, changed = [], []
    for row in known.select(columns).to_pylist():
        key = (row["entity"], row["tenant"], row["tier"])
        ends.append(_end(starts[key], row["valid_from"], row["valid_to"]))
        changed.append(ends[-1] != row["valid_to"])
    place = known.schema.get_field_index("valid_to")
    dated = known.set_column(place, known.schema.field(place), pa.array(ends, pa.string()))
    return dated.filter(pa.array(changed, pa.bool_()))


def _key(one: Passage) -> Key:
    return one.entity, one.tenant, one.tier


def _end(starts: Sequence[str], start: str | None, end: str | None) -> str | None:
    """The day given, or that of the next version where that is earlier."""
    place = bisect_right(starts, start or "")
    following = starts[place] if place < len(starts) else None
    return min((day for day in (end, following) if day is not None), default=None)
