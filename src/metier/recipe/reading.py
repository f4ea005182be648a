"""Reads ``metier.toml``; reports every problem at once, with its line and nearest spelling."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from metier.errors import Problem, RecipeError
from metier.recipe.tables import Section
from metier.recipe.whole import Recipe
from metier.toml_lines import KeyPath, key_lines
from metier.types import Json

UNKNOWN = "?"
"""What ``metier new`` writes where it could not guess a value."""

Shape = TypeVar("Shape", bound=Section)


def read_recipe(path: Path | str) -> Recipe:
    """Read and check a recipe; raises RecipeError with all problems at once."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        message = "no such file; `metier new DATA` writes a recipe from your data"
        raise RecipeError([Problem(str(path), None, "", message)]) from None
    except IsADirectoryError:
        return read_recipe(path / "metier.toml")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([Problem(str(path), None, "", f"cannot be read: {error}")]) from error
    return parse_recipe(text, file=str(path))


def parse_recipe(text: str, *, file: str = "metier.toml") -> Recipe:
    """Check a recipe given as text."""
    return parse_toml(text, Recipe, file=file)


def parse_toml(text: str, shape: type[Shape], *, file: str) -> Shape:
    """Check any TOML text of this shape; raises RecipeError with all problems at once."""
    try:
        values = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError([_syntax_problem(str(error), file)]) from None
    if unknown := unanswered(values):
        lines = key_lines(text)
        raise RecipeError([_unanswered(path, file, lines) for path in unknown])
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        lines = key_lines(text)
        errors = [dict(e) for e in error.errors()]
        causes = [e for e in errors if not _follows_from_another(e, errors)]
        raise RecipeError([_problem(e, file, lines, shape) for e in causes]) from None


def unanswered(values: Json) -> list[KeyPath]:
    """Where a value is still what ``metier new`` wrote because it could not guess better."""
    if values == UNKNOWN:
        return [()]
    parts: Iterable[tuple[str | int, Json]] = ()
    if isinstance(values, dict):
        parts = values.items()
    elif isinstance(values, list):
        parts = enumerate(values)
    return [(key, *path) for key, value in parts for path in unanswered(value)]


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint that names the nearest known spelling, or all of them when few."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(sorted(known))}" if 0 < len(known) <= 20 else ""


def dotted(path: KeyPath) -> str:
    """A key path as a person writes it: ``rungs[2].rank``."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """The line of a key, or of the nearest table around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def problem_at(path: KeyPath, message: str, text: str, file: str) -> Problem:
    """What is to be said of one key of a recipe, with its line."""
    return Problem(file, line_of(path, key_lines(text)), dotted(path), message)


def _unanswered(path: KeyPath, file: str, lines: Mapping[KeyPath, int]) -> Problem:
    message = f'is still "{UNKNOWN}", which stands for what could not be guessed; write the value'
    return Problem(file, line_of(path, lines), dotted(path), message)


def _syntax_problem(message: str, file: str) -> Problem:
    text, _, place = message.partition(" (at line ")
    line = int(place.split(",")[0]) if place else None
    return Problem(file, line, "", f"not valid TOML: {text}")


def _problem(
    error: dict[str, Any], file: str, lines: Mapping[KeyPath, int], shape: type[Section]
) -> Problem:
    path: KeyPath = tuple(p for p in error["loc"] if not _is_union_branch(p))
    line = line_of(path, lines)
    match error["type"]:
        case "extra_forbidden":
            message = "unknown key" + nearest(str(path[-1]), _keys_at(path[:-1], shape))
        case "missing":
            message = "is missing"
        case "literal_error":
            expected = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            message = f"{error['input']!r} is not allowed" + nearest(
                str(error["input"]), [e.strip() for e in expected]
            )
        case "tuple_type" if isinstance(error["input"], dict):
            message = f"is a list of tables: write each as [[{dotted(path)}]]"
        case "tuple_type":
            message = f"must be a list, got {error['input']!r}"
        case "model_type" if isinstance(error["input"], list):
            message = f"is one table: write it once, as [{dotted(path)}]"
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            message = f"{error['msg']}, got {error['input']!r}"
    return Problem(file, line, dotted(path), message)


def _follows_from_another(error: dict[str, Any], errors: Sequence[dict[str, Any]]) -> bool:
    """Whether the table itself is only wrong because something in it is."""
    depth = len(error["loc"])
    return (
        any(len(e["loc"]) > depth and e["loc"][:depth] == error["loc"] for e in errors)
        and error["type"] != "value_error"
    )


def _is_union_branch(part: object) -> bool:
    return isinstance(part, str) and ("[" in part or part in {"float", "int", "constrained-float"})


def _keys_at(path: KeyPath, shape: type[Section]) -> list[str]:
    """The keys that are known in the table at ``path``."""
    model: Any = shape
    for part in path:
        if isinstance(part, int) or part not in model.model_fields:  # a list's place, a free name
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next((c for c in candidates if _is_section(c)), Section)
    return list(model.model_fields)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)
