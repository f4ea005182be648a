"""Plain values, and their address."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

Json = Any
"""A value that ``json.dumps`` accepts."""


def content_hash(value: Json) -> str:
    """Address a plain value by its content: 16 hex digits of SHA-256 over sorted JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval and the number of items behind it."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] (n={self.n})"
