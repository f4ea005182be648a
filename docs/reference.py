"""Writes the reference pages from the code, so that they cannot say anything else than it does."""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

import metier
from docs.definitions import (
    Row,
    definition,
    doc,
    docstring,
    fields,
    first_paragraph,
    is_property,
    property_row,
    public_methods,
    signature,
)
from docs.figures import every_figure, headlines
from metier import errors
from metier.cli.main import app
from metier.corpus.steps import STEPS
from metier.plugins import BUILT_IN, METHODS
from metier.recipe import Recipe, Section
from metier.sources import KINDS
from metier.store import write_text

ROOT = Path(__file__).parent.parent
PAGES = Path(__file__).parent / "reference"
MARK = "<!-- benchmarks -->"
HEAD = "<!-- Written by `make docs` from the code; change it there. -->\n\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every page, or with ``--check`` say which differ from the code and return 1."""
    parser = argparse.ArgumentParser(prog="python -m docs.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on differences")
    check = parser.parse_args(arguments).check
    changed = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in changed:
        if not check:
            write_text(path, pages()[path])
        said = "differs from the code; run `make docs`" if check else "written"
        sys.stderr.write(f"{path.relative_to(ROOT)}: {said}\n")
    return 1 if check and changed else 0


def pages() -> dict[Path, str]:
    """Every page with its text."""
    return {
        PAGES / "recipe.md": HEAD + recipe_page(),
        PAGES / "cli.md": HEAD + cli_page(),
        PAGES / "api.md": HEAD + api_page(),
        PAGES / "errors.md": HEAD + errors_page(),
        PAGES / "benchmarks.md": HEAD + benchmarks_page(),
        ROOT / "README.md": with_benchmarks((ROOT / "README.md").read_text(encoding="utf-8")),
    }


def with_benchmarks(readme: str) -> str:
    """The README with the block between the two marks written anew."""
    before, _, rest = readme.partition(MARK)
    _, _, after = rest.partition(MARK)
    table = headlines(ROOT / "benchmarks" / "results", link="benchmarks/results")
    return f"{before}{MARK}\n\n{table}\n\n{MARK}{after}"


def benchmarks_page() -> str:
    """Every figure that was measured, by benchmark."""
    results = ROOT / "benchmarks" / "results"
    return "\n\n".join(
        [
            "# Benchmarks",
            "A figure's file also has versions, settings, and notes on what the figure does not "
            "say. *Low to high* is a 95 % interval for shares, and the fastest and slowest run "
            "for times. *Target* is what the figure was to reach.",
            every_figure(results, link="../../benchmarks/results") + "\n",
        ]
    )


# --- recipe ---------------------------------------------------------------------------------------


def recipe_page() -> str:
    """Every section and key of ``metier.toml``, and what its open tables take."""
    parts = [
        "# The recipe",
        "A recipe is a TOML file, by default `metier.toml`. `metier new DATA` writes one, "
        "`metier recipe check` names every problem in one, `metier recipe schema` prints its JSON "
        "Schema for an editor. Relative paths start at the recipe's folder.",
        "## At the top",
        _table(_keys(Recipe)),
    ]
    for name, field in Recipe.model_fields.items():
        model = _section_of(field.annotation)
        if model is not None:
            parts += _section(name, model, many=get_origin(field.annotation) is tuple)
    parts += ["## Kinds of source", "Options stand in the `[[sources]]` table, beside `kind`."]
    for name, kind in KINDS.items():
        parts += [f"### `{name}`", first_paragraph(kind), _table(_options(kind))]
    parts += [
        "## Cleaning steps",
        'In `steps`, a bare name (`"whitespace"`) or a table with options '
        '(`{ name = "mail_headers", keep = ["subject"] }`).',
    ]
    for name, step in STEPS.items():
        parts += [f"### `{name}`", doc(step), _table(_options(step))]
    parts += ["## Methods", "Settings stand in the `[[rungs]]` table, beside `method` and `name`."]
    for name, place in BUILT_IN[METHODS].items():
        module, _, attribute = place.partition(":")
        method = getattr(import_module(module), attribute)
        settings = [Row(key, "", _toml(value), "") for key, value in method.defaults.items()]
        parts += [f"### `{name}`", doc(method), _table(settings, ("key", "default"))]
    return _joined(parts)


def _section(name: str, model: type[Section], *, many: bool) -> Iterator[str]:
    yield f"## `[[{name}]]`" if many else f"## `[{name}]`"
    yield doc(model)
    yield _table(_keys(model))
    for key, field in model.model_fields.items():
        inner = _section_of(field.annotation)
        if inner is not None and inner.__name__ == "TokenPrice":
            yield f"### `[{name}.{key}.MODEL]`"
            yield doc(inner)
            yield _table(_keys(inner))
        elif inner is not None and inner.__name__ in ("MenuSettings", "PatternSettings"):
            alone = field.annotation is inner
            yield f"### `[{name}.{key}]`" if alone else f"### `[[{name}.{key}]]`"
            yield doc(inner)
            yield _table(_keys(inner))


def _keys(model: type[Section]) -> list[Row]:
    return [
        Row(key, _type_of(field), _default(field), field.description or "")
        for key, field in model.model_fields.items()
        if model is not Recipe or _section_of(field.annotation) is None
    ]


def _section_of(annotation: Any) -> type[Section] | None:
    """The table that a key holds, alone, in a list or by name; None for a plain value."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Section):
            return part
    return None


def _type_of(field: FieldInfo) -> str:
    if (inner := _section_of(field.annotation)) is not None:
        if field.annotation is inner:
            return "table"
        return "tables by name" if inner.__name__ == "TokenPrice" else "list of names or tables"
    return ", ".join([_type(field.annotation), *_limits(field.metadata)])


def _type(annotation: Any) -> str:
    """A Python type in the words of TOML."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{_toml(choice)}`" for choice in inner)
    if origin is Annotated:
        limits = [limit for part in inner[1:] for limit in _limits(getattr(part, "metadata", []))]
        return ", ".join([_type(inner[0]), *limits])
    if origin in (Union, UnionType):
        return " or ".join(_type(part) for part in inner if part is not type(None))
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"table of {_type(inner[1])} by name"
    return {bool: "true or false", int: "whole number", float: "number", str: "text"}[annotation]


def _options(kind: type) -> list[Row]:
    """The fields of a source or a cleaning step in the words of TOML."""
    rows = []
    for row in fields(kind):
        parts = [
            part for part in re.split(r" \| (?![^[]*\])", row.type) if part not in ("Path", "None")
        ]
        words = " or ".join(OPTION_TYPES[part] for part in parts)
        default = row.default
        if default != "required":
            default = _toml(ast.literal_eval(default))
        rows.append(Row(row.key, words, default, row.meaning))
    return rows


OPTION_TYPES = {
    "str": "text",
    "int": "whole number",
    "bool": "true or false",
    "Sequence[str]": "list of text",
    "Sequence[str | Path]": "list of text",
    "tuple[str, ...]": "list of text",
}


def _limits(metadata: Sequence[Any]) -> Iterator[str]:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    for limit in metadata:
        for name, word in words.items():
            if hasattr(limit, name):
                yield f"{word} {getattr(limit, name)}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined:
        return "none"
    if isinstance(field.default, Section):
        return "see below"
    return _toml(field.default)


def _toml(value: object) -> str:
    """A plain value as one writes it in TOML."""
    if value is None:
        return "absent"
    return json.dumps(value, ensure_ascii=False)


# --- command line ---------------------------------------------------------------------------------


def cli_page() -> str:
    """The help text of every verb, as a terminal shows it."""
    parts = [
        "# The command line",
        "Results go to standard output, progress and errors to standard error. Exit code 0: done; "
        "1: no rung passes the recipe's gates; 2: something that you can mend, named with its "
        "mend; 70: an error of metier's own, with its traceback; 130: stopped by Ctrl-C, to be "
        "continued by the same command.",
        "## `metier`",
        _help([]),
    ]
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        parts += [f"## `metier {name}`", _help([name])]
        for inner in getattr(command, "commands", {}):
            parts += [f"### `metier {name} {inner}`", _help([name, inner])]
    return _joined(parts)


def _help(words: list[str]) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="metier", terminal_width=100)
    lines = [line.rstrip() for line in result.output.strip().splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```"


# --- Python ---------------------------------------------------------------------------------------


def api_page() -> str:
    """Every public name with its signature and docstring."""
    parts = [
        "# The Python interface",
        "`from metier import NAME`. A name is loaded when it is first used, so `import metier` "
        "costs nothing. What does not stand here may change without notice.",
    ]
    for name in metier.__all__:
        if not name.startswith("__"):
            parts += _entry(name, getattr(metier, name))
    return _joined(parts)


def _entry(name: str, thing: Any) -> Iterator[str]:
    node = definition(thing)
    yield f"## `{name}`"
    if isinstance(node, ast.FunctionDef):
        yield f"```python\n{signature(node)}\n```"
        yield doc(thing)
        return
    yield doc(thing)
    if thing is Recipe:
        yield "Its keys: [the recipe](recipe.md)."
        return
    methods = list(public_methods(node))
    rows = fields(thing) + [property_row(m) for m in methods if is_property(m)]
    yield "\n".join(f"- {_code(f'{row.key}: {row.type}')}" + _after(row) for row in rows)
    for method in methods:
        if not is_property(method):
            yield f"```python\n{signature(method, of=name)}\n```"
            yield docstring(method.body[0])


def _after(row: Row) -> str:
    default = f" = {_code(row.default)}" if row.default != "required" else ""
    return default + (f": {row.meaning}" if row.meaning else "")


# --- errors ---------------------------------------------------------------------------------------


def errors_page() -> str:
    """The error tree, and what each error means."""
    tree = (errors.__doc__ or "").partition("\n\n")[2].rstrip()
    rows = [
        f"| `{name}` | {first_paragraph(kind)} |"
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.MetierError)
    ]
    return _joined(
        [
            "# Errors",
            "Every error that metier raises on purpose is one of these. Its text says what was "
            "wrong, where, and what to do; the command line shows that text alone.",
            f"```text\n{tree}\n```",
            "\n".join(["| error | meaning |", "|---|---|", *rows]),
            "All of them are in `metier.errors`; `from metier import MetierError, UserError` "
            "suffices to catch them.",
        ]
    )


# --- Markdown -------------------------------------------------------------------------------------


def _table(
    rows: Sequence[Row], columns: Sequence[str] = ("key", "type", "default", "meaning")
) -> str:
    if not rows:
        return "No options." if "type" in columns else "No settings."
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(_cells(row)[column] for column in columns)} |" for row in rows]
    return "\n".join(lines)


def _cells(row: Row) -> Mapping[str, str]:
    plain = row.default in ("required", "absent", "none")
    cells = {
        "key": f"`{row.key}`",
        "type": row.type,
        "default": row.default if plain else _code(row.default),
        "meaning": row.meaning.replace("\n", " ").replace("``", "`"),
    }
    return {name: text.replace("|", "\\|") for name, text in cells.items()}


def _code(text: str) -> str:
    return f"`{text}`"


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    sys.exit(main())
