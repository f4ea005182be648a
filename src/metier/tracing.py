"""Spans of work for whoever traces; where nobody does, nothing happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

Attributes = Mapping[str, str | bool | int | float]


class Tracer(Protocol):
    """OpenTelemetry's, as far as it is used; no part of metier but the server imports it."""

    def start_as_current_span(
        self, name: str, *, attributes: Attributes
    ) -> AbstractContextManager[object]:
        """A span under the current one, until the context ends."""
        ...


TRACER: ContextVar[Tracer | None] = ContextVar("tracer", default=None)
"""Set for each request by a server that traces; work in other threads is run in its context."""


@contextmanager
def span(name: str, attributes: Attributes | None = None) -> Iterator[None]:
    """What happens inside is one span of the current trace, if there is one."""
    tracer = TRACER.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, attributes=attributes or {}):
        yield
