"""Runs code that nobody has read: no network, no file but its own, bounds on all it takes."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import metier
from metier.errors import SandboxError
from metier.tools.jail.order import Ending, Order, Outcome
from metier.tools.packages import top_levels
from metier.types import SandboxLimits

PACKAGES = ("matplotlib", "numpy", "pandas")
"""Distributions that the code may import, where they are installed, with all that they need."""

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from metier.tools.jail.start import main; main()"
)
_GRACE = 10.0
"""Seconds beyond the run's own for building walls and reading files; then all is killed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a run."""

    ending: Ending
    """``finished``, ``failed`` by an error or exit code, or which limit ended it."""
    stdout: str
    stderr: str
    files: Mapping[str, bytes]
    """Files of the working folder that are new or changed, by path."""
    left_out: tuple[str, ...] = ()
    """Paths that were not handed back: too large, or no plain files."""


class Sandbox:
    """Python behind walls; each run begins in an empty folder and leaves nothing behind.

    Linux on x86-64 only, as root or as any user that may make user namespaces. Where a wall
    cannot be built, ``run`` raises ``SandboxError`` that names it and runs nothing.
    """

    def __init__(
        self, limits: SandboxLimits | None = None, *, packages: Sequence[str] = PACKAGES
    ) -> None:
        self.limits = limits or SandboxLimits()
        self._packages = tuple(packages)

    def run(self, code: str, *, files: Mapping[str, bytes] | None = None) -> Ran:
        """Run code; ``files`` lie in its folder, by plain names."""
        given = {name: base64.b64encode(content) for name, content in (files or {}).items()}
        for name in given:
            if not name or Path(name).name != name:
                raise SandboxError(f"{name!r} cannot be a file in the sandbox; give a plain name")
        with tempfile.TemporaryDirectory(prefix="metier-", ignore_cleanup_errors=True) as stage:
            order = Order(
                code=code,
                stage=stage,
                binds=self._binds,
                hidden=_hidden(),
                files={name: content.decode() for name, content in given.items()},
                **{name: getattr(self.limits, name) for name in SandboxLimits.__slots__},
            )
            told = _told(order)
        return Ran(
            told.ending,
            told.stdout,
            told.stderr,
            {name: base64.b64decode(content) for name, content in told.files.items()},
            told.left_out,
        )

    @cached_property
    def _binds(self) -> dict[str, str]:
        shown = [place for place in (*_SYSTEM, f"{sys.base_prefix}/lib") if Path(place).exists()]
        shown += [place for place in _stdlib() if not _within(place, shown)]
        binds = {place: place for place in shown}
        for place in top_levels(self._packages):
            binds[f"/packages/{place.name}"] = str(place)
        return binds


def _told(order: Order) -> Outcome:
    """Start a fresh interpreter that walls itself in, and read what it tells."""
    if sys.platform != "linux":
        raise SandboxError(f"the sandbox needs Linux; this is {sys.platform}")
    source = str(Path(metier.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", _START, source],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )
    try:
        text, fault = process.communicate(
            json.dumps(asdict(order)).encode(), timeout=order.seconds + _GRACE
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(
            f"the sandbox did not end in {order.seconds + _GRACE:g} seconds; the machine may be "
            "too busy, or raise its seconds"
        ) from None
    finally:
        _end(process)
    try:
        told = json.loads(text)
    except ValueError:
        raise SandboxError(f"the sandbox did not start: {fault.decode()[-500:]}") from None
    if "error" in told:
        raise SandboxError(f"this machine cannot wall code in, so it is not run: {told['error']}")
    return Outcome(**{**told, "left_out": tuple(told["left_out"])})


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _stdlib() -> list[str]:
    base = {"platbase": sys.base_exec_prefix}  # a virtual environment has none of its own
    return [sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")]


def _within(place: str, folders: Sequence[str]) -> bool:
    return any(Path(place).is_relative_to(folder) for folder in folders)


def _hidden() -> tuple[str, ...]:
    """Installed packages that come along with the standard library's folder."""
    versions = {Path(sys.base_prefix, "lib"), Path("/usr/lib"), *map(Path, _stdlib())}
    found = [
        place
        for folder in versions
        for name in ("site-packages", "dist-packages")
        for place in (*folder.glob(name), *folder.glob(f"python3*/{name}"))
        if place.is_dir() and not place.is_symlink()
    ]
    return tuple(sorted({str(place) for place in found}))
