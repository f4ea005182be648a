"""Reads what the code wrote and the files that it left, within bounds and through no link."""

from __future__ import annotations

import base64
import os
import selectors
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Said:
    """The two streams of a process, and whether one was cut off or time ran out."""

    streams: dict[int, bytearray] = field(default_factory=dict)
    too_much: bool = False
    too_late: bool = False


def listen(*pipes: int, most: int, deadline: float) -> Said:
    """Read the pipes until they are closed, one gave more than ``most`` bytes, or time is up."""
    said = Said({pipe: bytearray() for pipe in pipes})
    with selectors.DefaultSelector() as ready:
        for pipe in pipes:
            ready.register(pipe, selectors.EVENT_READ)
        while ready.get_map() and not said.too_much:
            left = deadline - time.monotonic()
            if left <= 0:
                said.too_late = True
                break
            for key, _ in ready.select(left):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    ready.unregister(key.fd)
                said.streams[key.fd] += chunk
                said.too_much |= len(said.streams[key.fd]) > most
    return said


@dataclass(slots=True)
class Left:
    """Files as Base64 by path, and the paths of those that stay behind."""

    files: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def collect(folder: Path, *, most: int, known: Mapping[str, str]) -> Left:
    """The plain files under a folder that are not ``known`` already, up to ``most`` bytes."""
    left, room = Left(), most
    for path in _walk(folder):
        name = str(path.relative_to(folder)).encode("utf-8", "replace").decode("utf-8", "replace")
        content = _read(path, room)
        if content is None:
            left.left_out.append(name)
            continue
        text = base64.b64encode(content).decode()
        if known.get(name) != text:
            left.files[name] = text
            room -= len(content)
    return left


def _walk(folder: Path) -> Iterator[Path]:
    """All that is no folder, and folders that cannot be read; a deep tree would end a recursion."""
    waiting = [str(folder)]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield Path(place)
            continue
        folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield from (Path(e.path) for e in entries if not e.is_dir(follow_symlinks=False))
        waiting += reversed(folders)


def _read(path: Path, room: int) -> bytes | None:
    """A plain file's content; None for what is too large, or none: a link, a pipe, unreadable."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        known = os.fstat(file.fileno())
        if not stat.S_ISREG(known.st_mode) or known.st_size > room:
            return None
        return file.read(room)
