"""A candidate's files: written aside and renamed, read back or refused with a clear error."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import ModelFileError
from metier.types import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEND = "copy the candidate's whole directory again, or fit the rung again"


def write_json(path: Path, content: Json) -> None:
    """Write plain values as readable JSON."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    _renamed(path, lambda aside: aside.write_bytes(text.encode("utf-8", "surrogatepass")))


def read_json(path: Path) -> Mapping[str, Json]:
    """Read a JSON object; ``ModelFileError`` when the file is missing, cut short or none."""
    try:
        content = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
    except FileNotFoundError:
        raise ModelFileError(f"{path} is missing; {MEND}") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}); {MEND}") from error
    if not isinstance(content, dict):
        raise ModelFileError(f"{path} holds no JSON object; {MEND}")
    return content


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` file: numbers only, nothing that runs code when it is read."""
    import numpy as np

    def write(aside: Path) -> None:
        with aside.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # the stub's allow_pickle

    _renamed(path, write)


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The named arrays of an ``.npz`` file; ``ModelFileError`` when one cannot be had."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path} cannot be read ({error}); {MEND}") from error


def _renamed(path: Path, write: Callable[[Path], object]) -> None:
    aside = path.with_name(f"{path.name}.part")
    write(aside)
    os.replace(aside, path)
