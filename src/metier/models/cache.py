"""The directory where fetched and converted models are kept, each made once and complete."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from metier.errors import StorageError


def cache_directory() -> Path:
    """``METIER_CACHE`` when set, else ``metier/models`` in the platform's cache directory."""
    chosen = os.environ.get("METIER_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "metier" / "models"


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return ``target``, filled by ``make`` when it is not there yet.

    ``make`` writes into a directory beside it, which is renamed when complete, under a lock: a
    kill leaves nothing half-made, and two processes do not do the work twice. Raises
    ``StorageError`` when the disk is full or the place cannot be written.
    """
    if target.is_dir():
        return target
    from filelock import FileLock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock"):
            if not target.is_dir():
                _make_aside(target, make)
    except OSError as error:
        raise StorageError(
            f"cannot write the model cache {target.parent}: {error}; "
            "free some space, or set METIER_CACHE to a directory that can be written"
        ) from error
    return target


def _make_aside(target: Path, make: Callable[[Path], None]) -> None:
    aside = target.parent / f".{target.name}.partial"
    shutil.rmtree(aside, ignore_errors=True)  # what a killed process left; we hold the lock
    aside.mkdir()
    try:
        make(aside)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
