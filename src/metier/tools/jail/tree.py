"""The folders that code in the sandbox can see: an interpreter, libraries, and its own."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from metier.tools.jail import kernel
from metier.tools.jail.order import Order

WORK, TEMPORARY = Path("/sandbox"), Path("/tmp")
DEVICES = ("/dev/null", "/dev/urandom")
_MOST_FILES = 1024
_NOTHING = kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC


def build(order: Order) -> None:
    """Lay the tree out on the stage and make it the root; nothing else is left to be seen."""
    stage = Path(order.stage)
    kernel.keep_mounts_private()
    kernel.mount_memory(stage, size=1 << 20, files=_MOST_FILES, flags=kernel.NO_SUID)
    for place, size in ((WORK, order.disk), (TEMPORARY, order.disk // 2)):
        inner = stage / place.name
        inner.mkdir()
        kernel.mount_memory(inner, size=size, files=_MOST_FILES, flags=_NOTHING)
        inner.chmod(0o777)
    for inside, outside in sorted(order.binds.items()):
        _show(Path(outside), stage / inside.lstrip("/"))
    for inside in order.hidden:
        place = stage / inside.lstrip("/")
        kernel.mount_memory(place, size=4096, files=1, flags=_NOTHING)
        kernel.make_read_only(place, recursive=False)
    for device in DEVICES:
        place = stage / device.lstrip("/")
        _touch(place)
        kernel.bind(Path(device), place)
        kernel.make_read_only(place, recursive=False, devices=True)
    kernel.make_read_only(stage, recursive=False)
    kernel.pivot(stage)


def fill(folder: Path, files: Mapping[str, str]) -> None:
    """Put files, Base64 by path, into a folder."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(base64.b64decode(content))


def _show(source: Path, place: Path) -> None:
    if source.is_symlink() and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(os.readlink(source), place)
        return
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        _touch(place)
    kernel.bind(source, place)
    kernel.make_read_only(place, recursive=True)


def _touch(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
