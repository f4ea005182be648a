"""Which characters a pattern asks for that a bound answer cannot hold, since JSON escapes them."""

from __future__ import annotations

import re

_UNIT = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]+\}|c[A-Za-z]|.)|.", re.DOTALL
)
_PART = re.compile(rf"(\[\^?)((?:\\.|[^\]\\])*)\]|({_UNIT.pattern})", re.DOTALL)
_NAMED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}


def escaped_part(pattern: str) -> str | None:
    r"""The first part that only a quote, a backslash or a control character can match, if any.

    A grammar matches a pattern with the text of the JSON, where these stand as two characters or
    more: it would lead into a place from which no token goes on, or write a quote that ends the
    text. Of a class such as ``[^a]`` the other characters remain.
    """
    for part in _PART.finditer(pattern):
        opened, inside, alone = part.groups()
        if opened == "[^":
            continue
        units = [alone] if alone is not None else _UNIT.findall(inside)
        if units and all(_is_escaped(unit) for unit in units):
            return part.group()
    return None


def _is_escaped(unit: str) -> bool:
    return (letter := _letter(unit)) is not None and (letter in '"\\' or letter < " ")


def _letter(unit: str) -> str | None:
    """What one unit of a pattern stands for; None for a class such as ``\\d``."""
    if unit[0] != "\\" or len(unit) == 1:
        return unit
    kind, digits = unit[1], unit[2:].strip("{}")
    if digits:
        return chr(ord(digits.upper()) % 32) if kind == "c" else chr(int(digits, 16))
    return _NAMED.get(kind, None if kind.isalnum() else kind)
