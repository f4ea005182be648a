"""Several sources as one, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from metier.protocols import Source
from metier.sources.identity import GivenIds
from metier.types import Document, Malformed


def join(sources: Sequence[Source], names: Sequence[str | None] = ()) -> Source:
    """The documents of all sources, one source after the other.

    A document whose id an earlier source gave has its source's name put in front: two folders may
    both hold a ``guide.txt``. A source named None keeps its ids as they are.
    """
    named = names or [f"source {place}" for place in range(1, len(sources) + 1)]
    if len(sources) == 1:
        return sources[0]
    return _Joined(tuple(zip(named, sources, strict=True)))


@dataclass(frozen=True, slots=True)
class _Joined:
    sources: tuple[tuple[str | None, Source], ...]

    def documents(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Document]:
        given = GivenIds()
        for name, source in self.sources:
            for document in source.documents(on_malformed):
                if given.is_new(document.id) or name is None:
                    yield document
                else:
                    yield replace(document, id=_new_id(f"{name}/{document.id}", given))


def _new_id(wanted: str, given: GivenIds) -> str:
    """``wanted``, or with ``-2``, ``-3``, ... behind it where that was given too."""
    name, count = wanted, 1
    while not given.is_new(name):
        count += 1
        name = f"{wanted}-{count}"
    return name
