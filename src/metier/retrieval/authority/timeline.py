"""What was true of an entity when, and what became of it."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from metier.errors import DataError
from metier.protocols import Retriever
from metier.retrieval.authority.dates import check_as_of, iso_date
from metier.retrieval.store.starts import starts_of
from metier.types import Change, CleanDocument, Document, Evolution, Hit, Json, Scope, Version


class Timeline:
    """The versions of entities; two times are kept, when it held and when we came to know it."""

    def __init__(self, versions: Iterable[Version]) -> None:
        self._versions: dict[str, list[Version]] = defaultdict(list)
        for version in versions:
            self._versions[version.entity].append(version)
        if not self._versions:
            raise DataError("a timeline needs at least one version of one entity; none was given")
        for known in self._versions.values():
            known.sort(key=lambda version: (version.valid_from or "", version.known_from or ""))
        starts = [version.valid_from for v in self._versions.values() for version in v]
        self.earliest = None if None in starts else min(start for start in starts if start)
        """The first day of the oldest version; None when one holds since always."""

    @classmethod
    def of(cls, documents: Iterable[Document | CleanDocument], fields: Sequence[str]) -> Timeline:
        """From documents whose metadata has ``entity``, ``valid_from``, ``valid_to``, ``fields``.

        ``known_from`` is read where it is given. Documents without an entity are passed over.
        """
        return cls(
            Version(
                entity=str(told["entity"]),
                fields={name: told[name] for name in fields if name in told},
                valid_from=_date(told.get("valid_from")),
                valid_to=_date(told.get("valid_to")),
                known_from=_date(told.get("known_from")),
            )
            for told in (document.metadata for document in documents)
            if told.get("entity")
        )

    def entities(self) -> tuple[str, ...]:
        """The keys of all entities, in the order in which they came."""
        return tuple(self._versions)

    def versions(self, entity: str) -> tuple[Version, ...]:
        """All that was ever held true of an entity, the oldest first; none for an unknown one."""
        return tuple(self._versions.get(entity, ()))

    def as_of(self, entity: str, date: str, *, known_on: str | None = None) -> Version | None:
        """What was true of the entity on that day; None when it was not there.

        ``known_on`` asks what was held true of that day on another, before what was learnt since.
        Raises ``DataError`` for a date before everything and for what is no date.
        """
        day = check_as_of(date, self.earliest)
        known = None if known_on is None else iso_date(known_on)
        # What was learnt later about the same first day stands in the earlier one's place.
        standing = {
            version.valid_from: version
            for version in self.versions(entity)  # of one first day, the latest known comes last
            if known is None or (version.known_from or "") <= known
        }
        return max(
            (one for one in standing.values() if holds(one.valid_from, one.valid_to, day)),
            key=lambda version: (version.known_from or "", version.valid_from or ""),
            default=None,
        )

    def changes(self, entity: str, start: str, end: str) -> list[Change]:
        """Each field that became another after ``start`` and up to ``end``, in order of time.

        An entity that came or went changes all its fields from or to None. Raises ``DataError``
        when ``start`` lies before everything, after ``end``, or is no date.
        """
        first, last = check_as_of(start, self.earliest), iso_date(end)
        if first > last:
            raise DataError(f"from {first} to {last} runs backwards; give the earlier date first")
        bounds = {
            bound
            for version in self.versions(entity)
            for bound in (version.valid_from, version.valid_to)
            if bound is not None and first < bound <= last
        }
        found: list[Change] = []
        before = self.as_of(entity, first)
        for day in sorted(bounds):
            after = self.as_of(entity, day)
            found += differences(before, after, day)
            before = after
        return found


def holds(valid_from: str | None, valid_to: str | None, day: str) -> bool:
    """Whether what holds from the one date up to, and not on, the other holds on ``day``."""
    return (valid_from is None or valid_from <= day) and (valid_to is None or day < valid_to)


def differences(before: Version | None, after: Version | None, day: str) -> list[Change]:
    """The fields in which two states of one entity differ.

    Lists are compared as sets; nothing, an empty text and an empty list are the same.
    """
    old = before.fields if before else {}
    new = after.fields if after else {}
    entity = (before or after or Version("")).entity
    return [
        Change(entity, name, day, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if not _same(old.get(name), new.get(name))
    ]


def told(change: Change) -> str:
    """One change as a sentence: ``Until 2023-10-31 name was "A"; since then it is "B".``

    Of lists only what came and what went is named; a long text is only said to have changed.
    """
    name, day = change.field.replace("_", " "), change.date
    if isinstance(change.old, list) and isinstance(change.new, list):
        gone = [item for item in change.old if item not in change.new]
        come = [item for item in change.new if item not in change.old]
        parts = [f"without {_spelled(gone)}"] * bool(gone) + [f"with {_spelled(come)}"] * bool(come)
        return f"Since {day} {name} is {' and '.join(parts)}; until then {_spelled(change.old)}."
    if change.old is None or change.old == "":
        return f"Since {day} {name} is {_spelled(change.new)}; there was none before."
    if change.new is None or change.new == "":
        return f"Until {day} {name} was {_spelled(change.old)}; since then there is none."
    if max(len(str(change.old)), len(str(change.new))) > _LONG:
        return f"Since {day} {name} reads otherwise than before."
    return (
        f"Until {day} {name} was {_spelled(change.old)}; since then it is {_spelled(change.new)}."
    )


def evolutions(hits: Sequence[Hit], fields: Sequence[str]) -> list[Evolution]:
    """Hits in their order, with those on one entity in different years told as one passage.

    A prompt shows the change this way, not two passages that contradict each other. The text is
    the newest version's, under a sentence for each of ``fields`` that changed.
    """
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(_entity(hit) or f"\0{hit.chunk.id}", []).append(hit)
    return [_evolution(group, fields) for group in groups.values()]


def search_between(
    retriever: Retriever, question: str, *, scope: Scope, start: str, end: str, k: int = 5
) -> list[Hit]:
    """What is found as of ``start``, on each day of a change, and as of ``end``.

    A change is where what was found ends, or where a version begins of the entities in scope, which
    need not have been there on the first day. Each passage once, in the order of the days, for
    ``evolutions``. Of more than 64 days those in the middle are left out.
    """
    day, last = iso_date(start), iso_date(end)
    starts = starts_of(retriever, scope) if scope.entities else set()
    found: dict[tuple[str, str], Hit] = {}
    for _ in range(_MOST_VERSIONS):
        hits = retriever.search([question], k, scope=replace(scope, as_of=day))[0]
        found.update((hit.key, hit) for hit in hits if hit.key not in found)
        if day == last:
            break
        over = {hit.valid_to for hit in hits if hit.valid_to is not None}
        day = min((one for one in starts | over if day < one <= last), default=last)
    else:
        hits = retriever.search([question], k, scope=replace(scope, as_of=last))[0]
        found.update((hit.key, hit) for hit in hits if hit.key not in found)
    return list(found.values())


def ends(starts: Mapping[str, Sequence[str]], *, snapshots: bool) -> dict[tuple[str, str], str]:
    """When each version ends, by entity and first day, from the first days of all versions.

    A version holds until the next of its entity. With ``snapshots`` every date is one of the
    whole, so it holds until the next date of any, and what that lacks has ended.
    """
    every = sorted({day for days in starts.values() for day in days})
    found = {}
    for entity, days in starts.items():
        order = every if snapshots else sorted(set(days))
        for day in set(days):
            place = bisect_right(order, day)
            if place < len(order):
                found[entity, day] = order[place]
    return found


_NOTHING: tuple[Json, ...] = (None, "", [])
_MOST_VERSIONS = 64
_LONG = 200
"""Characters beyond which the two values of a change are not shown side by side."""


def _evolution(group: Sequence[Hit], fields: Sequence[str]) -> Evolution:
    hits = sorted(group, key=lambda hit: hit.valid_from or "")
    newest = hits[-1]
    states = [next(run) for _, run in groupby(hits, key=lambda hit: _state(hit, fields))]
    lines = [
        told(change)
        for before, after in pairwise(states)
        if (day := after.valid_from) is not None
        for change in differences(_version(before, fields), _version(after, fields), day)
    ]
    # Passages of one version stand together; of older ones only what changed is told.
    texts = [hit.chunk.text for hit in group if hit.valid_from == newest.valid_from]
    return Evolution(
        _entity(newest), "\n".join([*lines, *texts]), tuple(hits), changes=tuple(lines)
    )


def _state(hit: Hit, fields: Sequence[str]) -> str:
    return json.dumps([hit.metadata.get(name) for name in fields], default=str)


def _version(hit: Hit, fields: Sequence[str]) -> Version:
    values = {name: hit.metadata[name] for name in fields if name in hit.metadata}
    return Version(_entity(hit), values, hit.valid_from, hit.valid_to)


def _entity(hit: Hit) -> str:
    return str(hit.metadata.get("entity") or "")


def _same(old: Json, new: Json) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return set(map(str, old)) == set(map(str, new))
    return old == new or (old in _NOTHING and new in _NOTHING)


def _spelled(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _date(value: Json) -> str | None:
    return None if value is None or value == "" else iso_date(str(value))
