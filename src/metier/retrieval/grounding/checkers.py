"""The judges of support by name: the one that comes with metier, and those of plugins."""

from __future__ import annotations

from metier.errors import DataError
from metier.plugins import CHECKERS, implementations
from metier.protocols import SupportChecker


def support_checker(name: str) -> SupportChecker:
    """Make the checker of this name; ``DataError`` when no installed package has one."""
    known = implementations(CHECKERS)
    if name not in known:
        raise DataError(
            f"no checker is called {name!r} (installed: {', '.join(sorted(known))}); install the "
            "package that has it, or name another"
        )
    made = known[name]()
    if not isinstance(made, SupportChecker):
        raise DataError(f"the plugin {name!r} is no checker: {type(made)} lacks name or support")
    return made
