"""Finds the files behind a path, glob or URL and opens them as streams of plain bytes."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from metier.errors import MissingExtraError, SourceError

FileSystem = Any  # fsspec has no types

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
MAGIC = ("*", "?", "[")
_DRIVERS = ("aiobotocore", "aiohttp", "botocore", "httpcore", "httpx", "huggingface_hub")
"""Libraries below fsspec whose errors of network and login are no ``OSError``."""
_LOGINS = {  # of the stores that the extra "cloud" reads
    "hf": "log in: `hf auth login`, or set HF_TOKEN",
    "s3": "log in: `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a source."""

    uri: str
    """The path in the form in which it was given."""
    relative: str
    """The path below the folder that was given; for a single file its name."""
    path: str
    """The path as ``filesystem`` knows it."""
    filesystem: FileSystem
    """An fsspec file system."""
    name: str
    """The last part of the path, with all suffixes."""

    @property
    def suffix(self) -> str:
        """The format's suffix in lower case, below any compression: ``.csv`` of ``a.CSV.gz``."""
        return split_suffix(self.name)[0]

    @property
    def compression(self) -> str | None:
        """``gzip``, ``zstd`` or None."""
        return split_suffix(self.name)[1]


def split_suffix(name: str) -> tuple[str, str | None]:
    """The format's suffix of a file name and its compression, if any."""
    stem, last = posixpath.splitext(name.lower())
    if last in COMPRESSIONS:
        return posixpath.splitext(stem)[1], COMPRESSIONS[last]
    return last, None


def find(path: str | Path, suffixes: Sequence[str]) -> list[Found]:
    """Every file behind ``path``, in the order of their names; never an empty list.

    A file is taken whatever its suffix. From a folder (searched with its subfolders) and from a
    glob come the files with one of ``suffixes``; hidden files and folders are left out.
    """
    given = str(Path(path).expanduser()) if isinstance(path, Path) else path
    filesystem, root = _filesystem(given)
    with reading(given):
        if filesystem.isfile(root):
            name = posixpath.basename(root)
            shown = _as_text(name)
            return [Found(_as_text(given), shown, root, filesystem, shown)]
        if filesystem.isdir(root):
            return _matching(given, root, filesystem.find(root), filesystem, suffixes)
        if any(sign in given for sign in MAGIC):
            folder = _literal_part(given)
            files = [item for item in filesystem.glob(root) if filesystem.isfile(item)]
            return _matching(folder, _literal_part(root), files, filesystem, suffixes)
        if filesystem.exists(root):
            raise SourceError(
                f"{given}: is neither a file nor a folder (a device or a pipe?); write what it "
                "gives into a file and name that"
            )
        raise SourceError(f"{given}: there is no such file or folder{_nearest(filesystem, root)}")


def open_bytes(found: Found) -> BinaryIO:
    """A stream of the file's bytes, decompressed; wrap its use in ``reading``."""
    with reading(found.uri):
        raw: BinaryIO = found.filesystem.open(found.path, "rb")
        if found.compression is None:
            return raw
        import pyarrow as pa

        # Arrow's reader, unlike zstandard's, notices a stream that was cut off.
        stream: BinaryIO = pa.CompressedInputStream(pa.PythonFile(raw, "r"), found.compression)
        return stream


@contextmanager
def reading(uri: str) -> Iterator[None]:
    """Turn the errors of file systems and decompressors into one that names file and mend."""
    try:
        yield
    except PermissionError as error:
        mend = _log_in(uri) or "give yourself access"
        raise SourceError(f"{uri}: no permission to read it; {mend}") from error
    except FileNotFoundError as error:
        raise SourceError(f"{uri}: there is no such file") from error
    except (EOFError, OSError) as error:
        mend = "if it was cut off or is not what its suffix says, fetch or name it anew"
        raise SourceError(f"{uri}: cannot be read ({error}); {mend}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _DRIVERS:
            raise
        what = f"{type(error).__name__}: {error}"
        mend = _log_in(uri) or "log in to where it lies"
        raise SourceError(
            f"{uri}: cannot be reached ({what}); check the network, or {mend}"
        ) from error


def _log_in(uri: str) -> str:
    return _LOGINS.get(uri.partition("://")[0], "")


def _filesystem(given: str) -> tuple[FileSystem, str]:
    from fsspec.core import url_to_fs  # 50 ms, and only needed once something is read

    try:
        filesystem, root = url_to_fs(given if "://" in given else str(Path(given).expanduser()))
    except ImportError as error:
        if given.partition("://")[0] in _LOGINS:
            raise MissingExtraError(f"reading {given}", "cloud") from error
        raise SourceError(f"{given}: {error}") from error
    except ValueError as error:
        raise SourceError(f"{given}: {error}; check the part before ://") from error
    return filesystem, str(root)


def _matching(
    given: str, root: str, files: Sequence[str], filesystem: FileSystem, suffixes: Sequence[str]
) -> list[Found]:
    folder = root.rstrip("/")
    found = []
    for path in sorted(files):
        relative = path[len(folder) :].lstrip("/") if path.startswith(folder) else path
        hidden = any(part.startswith(".") for part in relative.split("/"))
        if not hidden and split_suffix(path)[0] in suffixes:
            uri, name = posixpath.join(given, relative), posixpath.basename(path)
            shown = (_as_text(uri), _as_text(relative), _as_text(name))
            found.append(Found(*shown[:2], path, filesystem, shown[2]))
    if found:
        return found
    others = Counter(posixpath.splitext(path)[1] for path in files)
    kinds = ", ".join(
        f"{count:,} {suffix or 'without a suffix'}" for suffix, count in others.most_common(5)
    )
    raise SourceError(
        f"{given or root}: holds no file that can be read"
        + (f" ({kinds})" if kinds else " (it is empty)")
        + f"; name a folder with {', '.join(suffixes)} (plain, .gz or .zst)"
    )


def _as_text(name: str) -> str:
    """A file's name as it can be written down; bytes that are no UTF-8 as ``\\xe9``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _literal_part(pattern: str) -> str:
    """The folder before the first part of a path that has a wildcard."""
    parts = pattern.split("/")
    wild = next(index for index, part in enumerate(parts) if any(sign in part for sign in MAGIC))
    return "/".join(parts[:wild])


def _nearest(filesystem: FileSystem, root: str) -> str:
    from rapidfuzz.process import extractOne

    folder = posixpath.dirname(root)
    try:
        names = [posixpath.basename(path.rstrip("/")) for path in filesystem.ls(folder, False)]
    except (OSError, ValueError):
        return f", and no folder {folder} either"
    best = extractOne(posixpath.basename(root), names, score_cutoff=60)
    return f"; did you mean {best[0]}?" if best else f" in {folder}"
