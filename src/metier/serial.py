"""The nouns of ``types`` as JSON and back; nested dataclasses, tuples and literals are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from metier.errors import StorageError
from metier.types import Json

T = TypeVar("T")


def to_json(value: object) -> Json:
    """A noun as plain lists and dictionaries."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_json(kind: type[T], value: Json) -> T:
    """A noun from plain lists and dictionaries; raises ``pydantic.ValidationError``."""
    noun: T = _adapter(kind).validate_python(value)
    return noun


def dump(value: object) -> str:
    """A noun as JSON text."""
    return _adapter(type(value)).dump_json(value, indent=1).decode("utf-8")


def read(kind: type[T], path: Path) -> T:
    """A noun from a JSON file that metier wrote; a damaged file is named with its mend."""
    try:
        noun: T = _adapter(kind).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise StorageError(
            f"{path} cannot be read back as {kind.__name__} ({str(error).splitlines()[0]}); "
            "delete its folder and run again: only that step is repeated"
        ) from error
    return noun


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""Making one takes milliseconds, and there are as many as nouns."""
