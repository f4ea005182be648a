"""Programmatic checks of how an answer is written, for instructions that anyone can verify."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from metier.errors import DataError
from metier.types import Json


def failed_checks(checks: Sequence[Mapping[str, Json]], text: str) -> list[str]:
    """Those checks that ``text`` does not pass, in words; empty when it passes all.

    A check is ``{"check": NAME, "value": ...}``; the names are the keys of ``CHECKS``.
    """
    failed = []
    for check in checks:
        name, value = check["check"], check.get("value")
        if name not in CHECKS:
            raise DataError(f"no check {name!r}; there are {', '.join(sorted(CHECKS))}")
        if not CHECKS[name](text.strip(), value):
            failed.append(name if value is None else f"{name} {value!r}")
    return failed


def _words(text: str) -> list[str]:
    return re.findall(r"[\w'’-]+", text)


def _has_word(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _entries(text: str) -> list[str]:
    """Entries of a bulleted or numbered list, without their marks."""
    marked = (re.match(r"(?:[-*•]|\d+[.)])\s+(.*)", line) for line in _lines(text))
    return [match[1] for match in marked if match]


def _json_object(text: str, keys: Sequence[str]) -> bool:
    """Whether the first braces hold a JSON object with these keys; talk around it is fine."""
    start = text.find("{")
    if start < 0:
        return False
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return False
    return set(keys) <= set(value)


CHECKS: Mapping[str, Callable[[str, Json], bool]] = {
    "at least words": lambda text, count: len(_words(text)) >= count,
    "at most words": lambda text, count: 1 <= len(_words(text)) <= count,
    "starts with": lambda text, start: text.lower().startswith(start.lower()),
    "includes": _has_word,
    "times": lambda text, pair: len(re.findall(rf"\b{pair[0]}\b", text, re.IGNORECASE)) >= pair[1],
    "list entries": lambda text, count: len(_entries(text)) >= count,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
    "json keys": _json_object,
}
"""Each takes the trimmed answer and the check's value."""
