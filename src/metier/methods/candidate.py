"""A candidate as ``candidate.json`` beside its files."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from metier.errors import ModelFileError
from metier.types import Candidate, Json, Task

FILE = "candidate.json"
FORMAT = 1
"""Raised when the layout changes; ``read`` then learns to lift the older one."""


def save(candidate: Candidate, directory: Path) -> None:
    """Write ``candidate.json`` into the candidate's directory, aside and then renamed."""
    content = {"format": FORMAT, **dataclasses.asdict(candidate)}
    aside = directory / f"{FILE}.part"
    aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(aside, directory / FILE)


def read(directory: Path) -> Candidate:
    """Read a candidate back, equal to what was saved.

    Raises ``ModelFileError`` when the file or one that it lists is missing, when it is cut short,
    and when it was written by a later version of metier.
    """
    path = directory / FILE
    candidate = _candidate(path, _content(path))
    for name in candidate.files:
        if not (directory / name).exists():
            raise ModelFileError(f"{directory}: {name} is missing, so {_MEND}")
    return candidate


def timed(candidate: Candidate, started: float, **changes: Json) -> Candidate:
    """The candidate with its ``train_seconds`` since ``started`` (``time.perf_counter``)."""
    return dataclasses.replace(candidate, train_seconds=time.perf_counter() - started, **changes)


_MEND = "copy the whole directory again, or fit the rung again"


def _content(path: Path) -> Mapping[str, Json]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFileError(f"{path.parent} holds no {FILE}; {_MEND}") from None
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}); {_MEND}") from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ModelFileError(f"{path} describes no candidate; {_MEND}")
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
        raise ModelFileError(f"{path} is not a whole candidate ({error}); {_MEND}") from error
