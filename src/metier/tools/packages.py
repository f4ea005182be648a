"""Which folders and modules belong to installed distributions and to all that these need."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path


def top_levels(names: Iterable[str]) -> list[Path]:
    """Their importable folders and files; what is not installed is left out."""
    waiting, seen = list(names), set[str]()
    places: dict[str, Path] = {}
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        waiting += _needed(distribution)
        for file in distribution.files or ():
            first = file.parts[0]
            if not first.endswith(".dist-info") and first not in ("..", "__pycache__"):
                places[first] = Path(str(distribution.locate_file(first)))
    return [place for place in places.values() if place.exists()]


def _needed(distribution: metadata.Distribution) -> list[str]:
    """Names of what it requires, without extras; markers only ever make it too long a list."""
    plain = [text for text in distribution.requires or () if "extra ==" not in text]
    return [match[0] for text in plain if (match := re.match(r"[A-Za-z0-9._-]+", text))]
