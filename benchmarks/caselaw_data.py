"""The Supreme Court opinions that ``caselaw`` is about, as one CSV."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from pathlib import Path

_FILE = "legal_scotus/opinions_raw.csv.gz"
_COLUMNS = ("id", "case", "part", "term", "text")


def write_opinions(data: Path, target: Path, *, count: int | None = None, seed: int = 0) -> None:
    """Write all 548 opinions, or ``count`` of them drawn by seed."""
    csv.field_size_limit(1 << 30)
    rows = list(_rows(data / _FILE))
    if count is not None:
        rows = random.Random(seed).sample(sorted(rows, key=lambda row: row["id"]), count)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            part = row["part"].strip()
            name = "opinion of the Court" if part == "the Court" else part
            name = f"opinion of {part}" if part.isupper() else name
            yield {**{key: row[key] for key in _COLUMNS}, "part": name}
