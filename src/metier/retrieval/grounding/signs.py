"""Where a minus stands before a number, and is no hyphen between words or from one to another."""

from __future__ import annotations

import re

MINUS = r"(?<![^\s(\[{<>=≈~:;,/|“„\"'«])[-–−](?=\d)"
"""A pattern; in 1990-1995 and COVID-19 something stands right before the dash. The short dash
counts too, which many print as a minus."""
_MINUS = re.compile(MINUS)


def is_minus(text: str, place: int) -> bool:
    """Whether the character at ``place`` makes the number behind it negative."""
    return _MINUS.match(text, place) is not None
