"""What the sandbox is told to do, and what it tells of it, as JSON over two pipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["finished", "failed", "time", "memory", "output", "killed"]


@dataclass(frozen=True, slots=True)
class Order:
    """One run."""

    code: str
    stage: str
    """An empty folder outside, on which the inner root is mounted."""
    binds: Mapping[str, str]
    """Folders and files to show read-only: where inside, by where outside."""
    hidden: tuple[str, ...]
    """Folders among these that are covered by an empty one."""
    files: Mapping[str, str]
    """What lies in the working folder at first: Base64 by name."""
    seconds: float
    memory: int
    """Bytes of address space."""
    disk: int
    """Bytes of the working folder, and half as many of /tmp."""
    output: int
    """Bytes of standard output, and of standard error."""
    keep: int
    """Bytes of files that are handed back, all together."""
    threads: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    ending: Ending
    stdout: str = ""
    stderr: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """New or changed files of the working folder: Base64 by path."""
    left_out: tuple[str, ...] = ()
    """Files that were too large to hand back, or no plain files."""
