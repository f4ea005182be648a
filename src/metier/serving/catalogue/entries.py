"""Every name that a client may ask for: specialists, bases, adapters, embedders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from metier.errors import DataError
from metier.protocols import Embedder
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.engines.writing import Writer
from metier.serving.refusal import unknown_model
from metier.serving.release.questions import read_questions
from metier.serving.release.specialist import RELEASE_FILE

Kind = Literal["specialist", "base", "adapter", "embedder", "router"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name and what stands behind it: something that writes, or an embedder."""

    name: str
    kind: Kind
    tenant: str = ""
    """Whose it is; empty for everybody's."""
    writer: Writer | None = None
    embedder: Embedder | None = None
    questions: tuple[str, ...] = ()
    """Examples of what it was made for, which a router learns from."""
    adapter: Path | None = None
    """Where an adapter's files are."""
    created: int = field(default_factory=lambda: int(time.time()))


@dataclass(frozen=True, slots=True)
class Target:
    """What the operator wants served: ``[NAME[@TENANT]=]PATH_OR_MODEL``."""

    name: str
    tenant: str
    place: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read one word of the command line."""
        name, equals, place = text.partition("=")
        if not equals:
            return cls("", "", text)
        name, _, tenant = name.partition("@")
        if not name or not place:
            raise DataError(f"{text!r} is no target; write NAME=PATH or NAME@TENANT=PATH")
        return cls(name, tenant, place)


class Catalogue:
    """The entries by tenant and name; a tenant's own hides everybody's of that name."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries: Mapping[tuple[str, str], Entry] = {}
        self.become(entries)

    def become(self, entries: Sequence[Entry]) -> None:
        """Have these instead; requests under way keep what they have found."""
        named: dict[tuple[str, str], Entry] = {}
        for entry in entries:
            if (entry.tenant, entry.name) in named:
                whose = f" of {entry.tenant!r}" if entry.tenant else ""
                raise DataError(
                    f"two models{whose} are called {entry.name!r}; name one with NAME=PATH"
                )
            named[entry.tenant, entry.name] = entry
        self._entries = named

    def __iter__(self) -> Iterator[Entry]:
        """All of them, whosever they are."""
        return iter(self._entries.values())

    def of(self, tenant: str) -> list[Entry]:
        """What this tenant may use."""
        return visible_to(tenant, self)

    def get(self, name: str, tenant: str) -> Entry:
        """The entry of this name; ``Refusal`` 404 also for what belongs to another tenant."""
        entry = self._entries.get((tenant, name)) or self._entries.get(("", name))
        if entry is None:
            raise unknown_model(name)
        return entry


def visible_to(tenant: str, entries: Iterable[Entry]) -> list[Entry]:
    """Its own and everybody's, but for those whose names its own have."""
    known = list(entries)
    own = {entry.name for entry in known if entry.tenant == tenant}
    return [
        entry
        for entry in known
        if entry.tenant == tenant or (not entry.tenant and entry.name not in own)
    ]


@dataclass(frozen=True, slots=True)
class Makers:
    """How entries come by their models."""

    specialist: Callable[[Path], SpecialistWriter]
    writer: Callable[[str, Path | None], Writer]
    embedder: Callable[[str], Embedder]
    base: str
    """What adapters stand on."""
    forget: Callable[[Path], None] = lambda adapter: None
    """Told of an adapter that nobody will ask for again."""


def open_catalogue(targets: Sequence[str], makers: Makers, *, embedder: str | None) -> Catalogue:
    """Load everything at once, so that what cannot be served is found out at the start."""
    entries = load_entries(list(map(Target.parse, targets)), makers)
    if embedder is not None and embedder not in {one.name for one in entries if not one.tenant}:
        entries.append(Entry(embedder, "embedder", embedder=makers.embedder(embedder)))
    return Catalogue(entries)


def load_entries(
    targets: Sequence[Target], makers: Makers, *, known: Sequence[Entry] = ()
) -> list[Entry]:
    """The targets' own, then the bases below specialists, which are everybody's, where their names
    are not known yet."""
    entries = [_entry(target, makers) for target in targets]
    for entry in list(entries):
        below = entry.writer.base if isinstance(entry.writer, SpecialistWriter) else None
        names = {one.name for one in visible_to(entry.tenant, [*known, *entries])}
        if below is not None and below not in names:
            entries.append(Entry(below, "base", writer=makers.writer(below, None)))
    return entries


def _entry(target: Target, makers: Makers) -> Entry:
    path = Path(target.place).expanduser()
    place = specialist_place(path)
    if place is not None:
        name = target.name or _project_name(place)
        writer: Writer = makers.specialist(place)
        asked = read_questions(place)
        return Entry(name, "specialist", target.tenant, writer=writer, questions=asked)
    if (path / "adapter_config.json").is_file():
        own = path.absolute()
        return Entry(
            target.name or path.name,
            "adapter",
            target.tenant,
            writer=makers.writer(makers.base, own),
            adapter=own,
            questions=read_questions(path),
        )
    if (path / "metier.toml").is_file() or path.name == "metier.toml":
        raise DataError(f"{path} has no released specialist yet; `metier run {path}` makes one")
    name = target.name or target.place
    return Entry(name, "base", target.tenant, writer=makers.writer(target.place, None))


def specialist_place(path: Path) -> Path | None:
    """The released specialist, given its folder, its project's, or the recipe; None without one."""
    places = (path, path / ".metier" / "specialist", path.parent / ".metier" / "specialist")
    return next((place for place in places if (place / RELEASE_FILE).is_file()), None)


def _project_name(place: Path) -> str:
    """The folder of the project, or of the release where it was copied elsewhere."""
    absolute = place.absolute()
    inside = absolute.parent.name == ".metier"
    return absolute.parent.parent.name if inside else absolute.name
