"""One module per rung of the ladder, imported when the rung is asked for."""

from __future__ import annotations

from metier.errors import DataError
from metier.plugins import METHODS, implementations
from metier.protocols import Method


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


def _nearest(name: str, known: list[str]) -> str:
    from rapidfuzz import process

    match = process.extractOne(name, known, score_cutoff=60)
    nearest = f"; did you mean {match[0]!r}?" if match else ""
    return f"{nearest} (known: {', '.join(known)})"
