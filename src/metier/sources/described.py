"""A source's documents with what a search goes by: whose, how sure, about what, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from metier.errors import DataError
from metier.protocols import Source
from metier.retrieval.authority.dates import iso_date
from metier.retrieval.authority.timeline import ends
from metier.types import Document, Json, Malformed, Update

Report = Callable[[Malformed], None]
Ends = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Description:
    """What a recipe says about a source; empty means that it says nothing."""

    tier: str = ""
    tenant: str = ""
    entity: str = ""
    """The column with the entity's key."""
    valid_from: str = ""
    """The column with the first day."""
    valid_to: str = ""
    """The column with the day after the last; when empty, the entity's next document ends it."""
    snapshots: bool = False
    """Each date of ``valid_from`` is one of the whole source."""

    @property
    def versions_succeed(self) -> bool:
        """Whether a version holds until the next of its entity begins."""
        return bool(self.entity and self.valid_from and not self.valid_to)


def described(source: Source, description: Description) -> Source:
    """The source with the description in its documents' metadata; as it is when there is none."""
    return source if description == Description() else _Described(source, description)


@dataclass(frozen=True, slots=True)
class _Described:
    source: Source
    description: Description

    def documents(self, on_malformed: Report) -> Iterator[Document]:
        """Yield each document as ``describe`` makes it.

        A document whose date is none goes to ``on_malformed``. Where the end of a version has to
        be found, the source is read twice, with about 200 bytes of memory a document.
        """
        known = self._found_ends()
        for document in self.source.documents(on_malformed):
            try:
                yield describe(document, self.description, known)
            except DataError as error:
                on_malformed(_malformed(document, error))

    def _found_ends(self) -> Ends:
        given = self.description
        if not given.valid_from or given.valid_to or not (given.entity or given.snapshots):
            return {}
        starts: dict[str, list[str]] = {}
        for document in self.source.documents(lambda _: None):
            try:
                start = _date(document, given.valid_from)
            except DataError:
                continue  # reported by the second reading
            if start is not None:
                starts.setdefault(_key(document, given), []).append(start)
        return ends(starts, snapshots=given.snapshots)


def describe(
    document: Document, description: Description, known: Mapping[tuple[str, str], str] | None = None
) -> Document:
    """The document with ``tier``, ``tenant``, ``entity``, ``valid_from``, ``valid_to`` told.

    ``known`` gives the ends of versions by entity and first day (``timeline.ends``). Raises
    ``DataError`` for a column that is missing and a date that is none.
    """
    told: dict[str, Json] = {
        name: value for name in ("tier", "tenant") if (value := getattr(description, name))
    }
    if description.entity:
        told["entity"] = _key(document, description)
    if description.valid_from:
        start = _date(document, description.valid_from)
        told["valid_from"] = start
        told["valid_to"] = (known or {}).get((_key(document, description), start or ""))
    if description.valid_to:
        told["valid_to"] = _date(document, description.valid_to)
    return replace(document, metadata={**document.metadata, **told})


def described_updates(
    batches: Iterable[Sequence[Update]], description: Description, on_malformed: Report
) -> Iterator[list[Update]]:
    """A stream's batches with each document as ``describe`` makes it.

    A document that lacks a column, or whose date is none, goes to ``on_malformed`` and is left
    out; what the store has under its id stays.
    """
    for batch in batches:
        told = []
        for update in batch:
            if update.document is None:
                told.append(update)
                continue
            try:
                told.append(replace(update, document=describe(update.document, description)))
            except DataError as error:
                on_malformed(_malformed(update.document, error))
        yield told


def _malformed(document: Document, error: DataError) -> Malformed:
    return Malformed(document.uri, None, f"document {document.id}: {error}")


def _key(document: Document, description: Description) -> str:
    return str(_column(document, description.entity) or "") if description.entity else ""


def _date(document: Document, column: str) -> str | None:
    value = _column(document, column)
    return None if value is None or value == "" else iso_date(str(value))


def _column(document: Document, column: str) -> Json:
    if column in document.metadata:
        return document.metadata[column]
    raise DataError(f"has no {column!r}; it has {', '.join(document.metadata) or 'nothing'}")
