"""One module per rung of the ladder, imported when the rung is asked for."""

from __future__ import annotations

from collections.abc import Mapping

from metier.errors import DataError
from metier.plugins import METHODS, implementations
from metier.protocols import Method
from metier.types import Json

READABLE = frozenset({"base", "embedder", "corpus"})
"""What a method may read beside rows and settings, as ``FitContext`` names it."""


def method(name: str) -> Method:
    """Return the method of this name; ``DataError`` with the nearest spelling if there is none.

    Only the module of the method asked for is imported, so that a ladder without a language
    model loads no torch.
    """
    known = implementations(METHODS)
    if name not in known:
        raise DataError(f"no method is called {name!r}{_nearest(name, sorted(known))}")
    made = known[name]()
    if not isinstance(made, Method):
        raise DataError(f"the plugin {name!r} is no method: {type(made)} lacks a part of Method")
    return made


def names() -> list[str]:
    """The names of all methods, metier's own and those of installed plugins."""
    return sorted(implementations(METHODS))


def reads(name: str, settings: Mapping[str, Json]) -> frozenset[str]:
    """Which of ``READABLE`` a rung of this method reads under these settings; all, unless it says.

    ``DataError`` when it says something else.
    """
    said = getattr(method(name), "reads", None)
    found = READABLE if said is None else frozenset(said(settings))
    if odd := sorted(found - READABLE):
        raise DataError(
            f"the method {name!r} reads {odd[0]!r}, which is none of {', '.join(sorted(READABLE))}"
        )
    return found


def _nearest(name: str, known: list[str]) -> str:
    from rapidfuzz import process

    match = process.extractOne(name, known, score_cutoff=60)
    nearest = f"; did you mean {match[0]!r}?" if match else ""
    return f"{nearest} (known: {', '.join(known)})"
