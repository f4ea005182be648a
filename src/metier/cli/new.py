"""``metier new``: a commented recipe from a look at the data."""

from __future__ import annotations


def new() -> None:
    """Write a recipe for a data file by looking at it."""
