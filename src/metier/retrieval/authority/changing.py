"""A search that tells a change: a question about two days gets one passage, not two versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from metier.errors import DataError
from metier.protocols import Retriever
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.dates import dates_asked, iso_date
from metier.retrieval.authority.timeline import Timeline, evolutions, search_between
from metier.types import Change, Hit, Json, Scope, Version

_DESCRIBED = {"entity", "tier", "tenant", "valid_from", "valid_to", "known_from", "conflict"}


@dataclass(frozen=True, slots=True)
class ChangeRetriever:
    """Tells what became of an entity where a question names it and two days.

    Other questions, and those with a scope that has a day, are left to ``inner``.
    """

    inner: Retriever
    names: AliasTable
    releases: Mapping[str, str] = field(default_factory=dict)
    """Dates of names that a question may use for them: ``{"v12": "2022-10-25"}``."""
    earliest: str | None = None
    """The day before which there was nothing."""

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each; what tells a change has ``versions``."""
        given = scope or Scope()
        asked = [self._asked(question, given) for question in questions]
        others = [text for text, one in zip(questions, asked, strict=True) if one is None]
        found = iter(self.inner.search(others, k, scope=scope) if others else ())
        return [
            next(found) if one is None else self._told(question, one, k)
            for question, one in zip(questions, asked, strict=True)
        ]

    def _asked(self, question: str, scope: Scope) -> _Between | None:
        days = dates_asked(question, self.releases) if scope.as_of is None else []
        mentions = self.names.link(question)
        named = tuple(dict.fromkeys(one for mention in mentions for one in mention.entities))
        entities = scope.entities or named
        if len(days) != 2 or not entities:
            return None
        start = max(days[0], self.earliest or days[0])
        return _Between(replace(scope, entities=entities), start, days[1])

    def _told(self, question: str, asked: _Between, k: int) -> list[Hit]:
        if asked.end < asked.start:  # before everything
            return []
        hits = search_between(
            self.inner, question, scope=asked.scope, start=asked.start, end=asked.end, k=k
        )
        return list(tell_changes(hits))[:k]


@dataclass(frozen=True, slots=True)
class _Between:
    scope: Scope
    start: str
    end: str


def tell_changes(hits: Sequence[Hit]) -> Iterator[Hit]:
    """The hits, with those that succeed each other as versions of one entity made one.

    Where nothing but the text changed, both stay, with their days in their titles. What holds at
    one time is no change: of another tier, or beside the newest.
    """
    groups: dict[tuple[str, ...], list[Hit]] = {}
    for hit in hits:
        groups.setdefault(_line(hit), []).append(hit)
    for group in groups.values():
        newest = max(group, key=lambda hit: hit.valid_from or "")
        older = [hit for hit in group if _ended(hit, newest)]
        if not older:
            yield from group
            continue
        (told,) = evolutions([*older, newest], _fields([*older, newest]))
        if told.changes:
            lines = "".join(f"{line}\n" for line in told.changes)
            chunk = replace(newest.chunk, text=f"{lines}{newest.chunk.text}")
            yield replace(newest, chunk=chunk, versions=told.hits)
        else:
            yield from map(_dated, told.hits)
        yield from (hit for hit in group if hit is not newest and hit not in older)


def changes_between(
    hits: Iterable[Hit], start: str, end: str
) -> list[tuple[tuple[str, str], list[Change]]]:
    """What became of each entity, told apart by tier, that changed after ``start`` up to ``end``.

    ``hits`` are all passages about them. Raises ``DataError`` when there is none, when ``start``
    lies before everything or after ``end``, and for what is no date.
    """
    documents: dict[str, list[Hit]] = {}
    for hit in hits:
        documents.setdefault(hit.chunk.source.document, []).append(hit)
    fields = _fields([parts[0] for parts in documents.values()])
    lines: dict[str, tuple[str, str]] = {}
    versions = []
    for parts in documents.values():
        first = parts[0]
        line = (str(first.metadata["entity"]), first.tier)
        lines["\0".join(line)] = line
        said = {name: first.metadata[name] for name in fields if name in first.metadata}
        said["text"] = "\n".join(part.chunk.text for part in parts)
        versions.append(Version("\0".join(line), said, first.valid_from, first.valid_to))
    timeline = Timeline(versions)
    found = [
        (line, [replace(one, entity=line[0]) for one in timeline.changes(key, start, end)])
        for key, line in lines.items()
    ]
    return [(line, those) for line, those in found if those]


def _line(hit: Hit) -> tuple[str, ...]:
    """What the versions of one line have in common; a hit about nobody stands alone."""
    entity, tenant = hit.metadata.get("entity"), hit.metadata.get("tenant")
    return (str(entity), hit.tier, str(tenant or "")) if entity else (hit.chunk.id,)


def _ended(hit: Hit, newest: Hit) -> bool:
    return hit.valid_to is not None and hit.valid_to <= (newest.valid_from or "")


def _fields(hits: Sequence[Hit]) -> list[str]:
    """The columns that may have changed; not those that only repeat a version's key or days."""
    columns = dict.fromkeys(name for hit in hits for name in hit.metadata)
    return [
        name
        for name in columns
        if name not in _DESCRIBED and not all(_repeats(hit.metadata.get(name), hit) for hit in hits)
    ]


def _repeats(value: Json, hit: Hit) -> bool:
    if value in (None, "", hit.metadata.get("entity")):
        return True
    try:
        return iso_date(str(value)) in (hit.valid_from, hit.valid_to)
    except DataError:
        return False


def _dated(hit: Hit) -> Hit:
    start, end = hit.valid_from, hit.valid_to
    if end is None:
        days = f"since {start}"
    else:
        days = f"from {start} until {end}" if start else f"until {end}"
    title = " ".join(part for part in (hit.chunk.title, f"({days})") if part)
    return replace(hit, chunk=replace(hit.chunk, title=title))
