"""A candidate as ``candidate.json`` beside its files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metier.errors import ModelFileError
from metier.methods.files import MEND, read_json, write_json
from metier.types import Candidate, Json, Task

FILE = "candidate.json"
FORMAT = 1
"""Raised when the layout changes; ``read`` then learns to lift the older one."""


@dataclass(frozen=True, slots=True)
class Built:
    """A candidate, the directory with its files, and the address of the step that made it."""

    candidate: Candidate
    directory: Path
    key: str

    @property
    def adapter(self) -> Path | None:
        """The directory of its LoRA adapter; None when it uses the base model as it is."""
        path = self.directory / "adapter"
        return path if path.is_dir() else None


def save(candidate: Candidate, directory: Path) -> None:
    """Write ``candidate.json`` into the candidate's directory."""
    write_json(directory / FILE, {"format": FORMAT, **dataclasses.asdict(candidate)})


def read(directory: Path) -> Candidate:
    """Read a candidate back, equal to what was saved.

    Raises ``ModelFileError`` when the file or one that it lists is missing, when it is cut short,
    and when it was written by a later version of metier.
    """
    path = directory / FILE
    candidate = _candidate(path, _content(path))
    for name in candidate.files:
        if not (directory / name).exists():
            raise ModelFileError(f"{directory}: {name} is missing; {MEND}")
    return candidate


def timed(
    candidate: Candidate, started: float, *, taken_over: float = 0.0, **changes: Json
) -> Candidate:
    """The candidate with its ``train_seconds``: those since ``started`` (``time.perf_counter``).

    What other rungs spent on parts that it has ``taken_over`` (an adapter, a store) counts too:
    alone, it would have had to make them.
    """
    seconds = time.perf_counter() - started + taken_over
    return dataclasses.replace(candidate, train_seconds=seconds, **changes)


def _content(path: Path) -> Mapping[str, Json]:
    content = read_json(path)
    if not isinstance(content.get("format"), int):
        raise ModelFileError(f"{path} describes no candidate; {MEND}")
    if content["format"] > FORMAT:
        raise ModelFileError(
            f"{path} has format {content['format']}, this metier reads up to {FORMAT}; "
            "upgrade metier"
        )
    return content


def _candidate(path: Path, content: Mapping[str, Json]) -> Candidate:
    fields = {key: value for key, value in content.items() if key != "format"}
    try:
        task = Task(**{**fields["task"], "labels": tuple(fields["task"]["labels"])})
        lists = {key: tuple(fields[key]) for key in ("files", "train_examples", "trials")}
        return Candidate(**{**fields, **lists, "task": task})
    except (KeyError, TypeError) as error:
        raise ModelFileError(f"{path} is not a whole candidate ({error}); {MEND}") from error
