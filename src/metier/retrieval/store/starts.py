"""Asks a search, however wrapped, from which days on what it holds began to hold."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from metier.protocols import Retriever
from metier.types import Scope


@runtime_checkable
class Dated(Protocol):
    """A search that can say it, such as ``Index`` and what wraps one."""

    def starts(self, scope: Scope) -> set[str]:
        """The first days of all that the scope lets through on any day."""
        ...


def starts_of(search: Retriever, scope: Scope) -> set[str]:
    """The first days of all that the scope lets through on any day; none where nobody can say."""
    return search.starts(scope) if isinstance(search, Dated) else set()
