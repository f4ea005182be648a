"""What identifies a source's content, so that a changed file is noticed and an equal one is not."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.sources.files import SUFFIXES as FILE_SUFFIXES
from metier.sources.open_table import SUFFIXES as TABLE_SUFFIXES
from metier.sources.opening import Found, find, reading
from metier.types import Json

_BLOCK = 1 << 22


def fingerprint(kind: str, options: Mapping[str, Json]) -> Json:
    """Names and SHA-256 of local files; the store's own checksum of remote ones.

    The standard library's documentation is identified by the interpreter's version, a socket by its
    address: what it will send is not known before.
    """
    if kind == "python_docs":
        return platform.python_version()
    if kind == "stream" and str(options["path"]).startswith("tcp://"):
        return str(options["path"])
    suffixes = TABLE_SUFFIXES if kind == "table" else FILE_SUFFIXES
    given = options.get("path") or options.get("paths") or ()
    paths = [given] if isinstance(given, str | Path) else list(given)
    return [[found.relative, _checksum(found)] for found in _all(paths, suffixes)]


def _all(paths: Sequence[str | Path], suffixes: Sequence[str]) -> list[Found]:
    return [found for path in paths for found in find(path, suffixes)]


def _checksum(found: Found) -> str:
    with reading(found.uri):
        if "file" not in found.filesystem.protocol:
            return str(found.filesystem.checksum(found.path))
        digest = hashlib.sha256()
        with open(found.path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()[:16]
