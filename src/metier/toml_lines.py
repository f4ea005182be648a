"""Where each key of a TOML text stands, for error messages; the standard parser does not say."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_NAME = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_PART = re.compile(_NAME)
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_STRING_OR_COMMENT = re.compile(r"""\"{3}|'{3}|"(?:\\.|[^"\\])*"|'[^']*'|#.*""")
_INLINE = re.compile(r"""[{,]\s*([\w-]+)\s*=""")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map each key path (``("rungs", 1, "rank")``) to its line, counted from 1.

    Reads the text line by line: exact for tables and keys, and for keys of inline tables that
    stand on the key's own line. A key inside a multi-line string is not mistaken for one.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    arrays: dict[KeyPath, int] = {}
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if inside is None and (match := _TABLE.match(line)):
            table = _table_path(_parts(match[2]), match[1] == "[[", arrays)
            for length in range(1, len(table) + 1):  # `[a.b]` is where `a` begins, too
                lines.setdefault(table[:length], number)
            continue
        if inside is None and (match := _KEY.match(line)):
            path = table + _parts(match[1])
            lines.setdefault(path, number)
            for inline in _INLINE.finditer(line, match.end()):
                lines.setdefault((*path, inline[1]), number)
        inside = _open_string(line, inside)
    return lines


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _table_path(parts: KeyPath, is_array: bool, arrays: dict[KeyPath, int]) -> KeyPath:
    path: KeyPath = ()
    for position, part in enumerate(parts):
        path = (*path, part)
        if is_array and position == len(parts) - 1:
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def _open_string(line: str, inside: str | None) -> str | None:
    """Which multi-line string, if any, is open at the line's end."""
    position = 0
    while position < len(line):
        if inside:
            closing = line.find(inside, position)
            if closing < 0:
                return inside
            position, inside = closing + 3, None
        elif match := _STRING_OR_COMMENT.search(line, position):
            position = match.end()
            inside = match[0] if match[0] in ('"""', "'''") else None
        else:
            return None
    return inside
