"""Digests of weights, by which two models are told apart, and what is made of them is kept."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from metier.models.cache import cache_directory
from metier.models.weights import weight_files

SETTLED = 2.0
"""Seconds since a file's last change, after which another one is sure to show in its times."""


def fingerprint(directory: Path) -> str:
    """16 hex digits for the weights of a model directory: of every byte of its files.

    Gigabytes are read once: what was read is kept in the cache while a file's size and times stay
    as they are.
    """
    return file_fingerprint(directory / "config.json", *weight_files(directory))


def file_fingerprint(*files: Path) -> str:
    """``fingerprint`` of single files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(_digest(file.resolve()))
    return digest.hexdigest()[:16]


def _digest(file: Path) -> bytes:
    state = file.stat()
    seen = f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
    kept = cache_directory() / "digests" / hashlib.sha256(os.fsencode(file)).hexdigest()[:32]
    with suppress(OSError, ValueError):
        known, _, digest = kept.read_text(encoding="ascii").partition("\n")
        if known == seen and len(digest) == hashlib.sha256().digest_size * 2:
            return bytes.fromhex(digest)
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256")
    if time.time() - max(state.st_mtime, state.st_ctime) > SETTLED:
        _keep(kept, f"{seen}\n{found.hexdigest()}")
    return found.digest()


def _keep(kept: Path, text: str) -> None:
    """Write aside, then rename; a cache that cannot be written costs time and nothing else."""
    aside = kept.with_name(f"{kept.name}.{os.getpid()}.partial")
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="ascii")
        aside.replace(kept)
