"""Entities by their many names, and what was true of them when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from metier.types.corpus import Document
from metier.types.grounding import Hit
from metier.types.plain import Json


@dataclass(frozen=True, slots=True)
class Alias:
    """One name of an entity."""

    name: str
    entity: str
    """The key under which documents know the entity; the canonical name serves well."""
    kind: str = ""
    """What the entity is (``group``, ``malware``); tells two entities of one name apart."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text that names an entity."""

    start: int
    end: int
    entities: tuple[str, ...]
    """Whom it may mean, the likeliest first; several when the name alone does not tell."""


@dataclass(frozen=True, slots=True)
class Version:
    """What was true of an entity during one stretch of time."""

    entity: str
    fields: Mapping[str, Json] = field(default_factory=dict)
    valid_from: str | None = None
    """ISO 8601 date, inclusive; None for always."""
    valid_to: str | None = None
    """ISO 8601 date, exclusive; None for still."""
    known_from: str | None = None
    """ISO 8601 date on which we came to know it; None for always. What was learnt later about the
    same days stands in its place from then on."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field of an entity that became another on one day."""

    entity: str
    field: str
    date: str
    """ISO 8601; the first day of the new value."""
    old: Json
    """None when there was none before."""
    new: Json
    """None when there is none any more."""


@dataclass(frozen=True, slots=True)
class Evolution:
    """Versions of one entity told as one passage; or one hit that stands alone."""

    entity: str
    text: str
    """The newest version, under a line for each field that changed; shown, never quoted from."""
    hits: tuple[Hit, ...]
    """What it was made of, the oldest first; citations go to these."""
    changes: tuple[str, ...] = ()
    """A sentence for each field that changed; ``text`` begins with them."""


@dataclass(frozen=True, slots=True)
class Update:
    """One line of a stream."""

    op: Literal["upsert", "delete"]
    id: str
    position: int
    """Where to go on after it: a byte of the file, or the socket's count of lines."""
    document: Document | None = None
    """None for a delete."""
    tenant: str = ""
    """Whose document it is about; "" for everybody's."""


@dataclass(frozen=True, slots=True)
class Guide:
    """What a store's documents say about whom they are about and since when; kept beside it."""

    names: tuple[Alias, ...] = ()
    common: tuple[str, ...] = ()
    """Names that the documents use as plain words too."""
    earliest: str | None = None
    """The first day of the oldest document; None when one holds since always."""
    dated: bool = False
    """Whether any document says from or until when it holds, so that a day can be asked about."""
    name_columns: tuple[str, ...] = ()
    """The columns of metadata that ``names`` were read from; those of new documents join them."""
