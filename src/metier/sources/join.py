"""Several sources as one, in the order given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from metier.protocols import Source
from metier.types import Document, Malformed


def join(sources: Sequence[Source]) -> Source:
    """The documents of all sources, one source after the other."""
    return sources[0] if len(sources) == 1 else _Joined(tuple(sources))


@dataclass(frozen=True, slots=True)
class _Joined:
    sources: tuple[Source, ...]

    def documents(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Document]:
        for source in self.sources:
            yield from source.documents(on_malformed)
