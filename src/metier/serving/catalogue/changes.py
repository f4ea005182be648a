"""Models that come and go while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from metier.errors import MetierError
from metier.serving.catalogue.auto import Auto
from metier.serving.catalogue.entries import Catalogue, Entry, Makers, Target, load_entries
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.refusal import Refusal, unknown_model

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes:
    """Adds entries to a catalogue and takes them out, one change after another.

    They are made in the thread of the engines, which keep state between calls. A change that fails
    leaves everything as it was.
    """

    catalogue: Catalogue
    makers: Makers
    batcher: Batcher
    auto: Auto | None = None

    async def add(self, target: Target) -> Entry:
        """Load what the target names; ``Refusal`` 409 for a taken name, 400 with what is wrong."""

        def load() -> Entry:
            known = list(self.catalogue)
            if (target.tenant, target.name) in {(one.tenant, one.name) for one in known}:
                raise Refusal(
                    409, f"there is a model {target.name!r} already; remove it, or choose a name"
                )
            try:
                entries = load_entries([target], self.makers, known=known)
                self._become([*known, *entries])
            except MetierError as error:  # its words are for whoever named the place
                raise Refusal(400, str(error), param="place") from error
            return entries[0]

        return await self._in_turn(load)

    async def remove(self, name: str, tenant: str | None = None) -> None:
        """Take a model out; what it is writing is written to its end.

        ``Refusal`` 404 where there is none, 409 while a specialist stands on it, and where several
        have this name and no ``tenant`` is named (the empty one for everybody's).
        """

        def take_out() -> None:
            entry = self._found(name, tenant)
            standing = next(
                (
                    one.name
                    for one in self.catalogue
                    if _base(one) == name and self.catalogue.get(name, one.tenant) is entry
                ),
                None,
            )
            if standing is not None:
                raise Refusal(409, f"{standing!r} stands on {name!r}; remove it first")
            self._become([one for one in self.catalogue if one is not entry])
            if entry.adapter is not None:
                self.makers.forget(entry.adapter)

        await self._in_turn(take_out)

    def _found(self, name: str, tenant: str | None) -> Entry:
        found = [
            one
            for one in self.catalogue
            if one.name == name and one.kind != "router" and tenant in (None, one.tenant)
        ]
        if not found:
            raise unknown_model(name)
        if len(found) > 1:
            whose = ", ".join(repr(one.tenant) for one in found)
            raise Refusal(409, f"several have a model {name!r}: {whose}; name one with ?tenant=")
        return found[0]

    def _become(self, entries: Sequence[Entry]) -> None:
        if self.auto is not None:
            self.auto.learn(entries)
        self.catalogue.become(entries)

    async def _in_turn(self, change: Callable[[], T]) -> T:
        future = self.batcher.submit(object(), None, lambda batch: [change()])
        done: T = await asyncio.wrap_future(future)
        return done


def _base(entry: Entry) -> str | None:
    return entry.writer.base if isinstance(entry.writer, SpecialistWriter) else None
