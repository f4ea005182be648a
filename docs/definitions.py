"""Reads classes and functions from their source: fields, docstrings and signatures as written."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One key, field or property."""

    key: str
    type: str
    default: str
    meaning: str


def definition(thing: Any) -> Any:
    """Return the definition of a class or function as it stands in its file."""
    return ast.parse(dedent(inspect.getsource(thing))).body[0]


def fields(kind: type) -> list[Row]:
    """A class's annotated fields with the docstrings below them, ``ClassVar`` and private ones out.

    Read from the source, since docstrings of attributes do not exist at run time.
    """
    rows = []
    body = definition(kind).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        annotation = ast.unparse(node.annotation)
        if annotation.startswith("ClassVar") or node.target.id.startswith("_"):
            continue
        default = "required" if node.value is None else _default(ast.unparse(node.value))
        rows.append(Row(node.target.id, annotation, default, docstring(following)))
    return rows


def _default(default: str) -> str:
    return {"field(default_factory=dict)": "{}", "field(default_factory=list)": "[]"}.get(
        default, default
    )


def docstring(node: ast.AST | None) -> str:
    """The text of a docstring, or nothing when the statement is none."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        text = node.value.value
        return _plain(text) if isinstance(text, str) else ""
    return ""


def doc(thing: Any) -> str:
    """Its docstring in Markdown."""
    return _plain(thing.__doc__ or "")


def first_paragraph(thing: Any) -> str:
    """The first paragraph of its docstring."""
    return doc(thing).partition("\n\n")[0].replace("\n", " ")


def public_methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The methods that a user calls, ``__init__`` among them."""
    methods = (item for item in node.body if isinstance(item, ast.FunctionDef))
    return (m for m in methods if m.name == "__init__" or not m.name.startswith("_"))


def property_row(node: ast.FunctionDef) -> Row:
    """A property as a row, like a field that is always there."""
    returns = ast.unparse(node.returns) if node.returns else ""
    return Row(node.name, returns, "required", docstring(node.body[0]))


def signature(node: ast.FunctionDef, *, of: str = "") -> str:
    """How it is called; ``__init__`` as the call that makes one, methods without ``self``."""
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    if node.name == "__init__":
        return _wrapped(of, arguments, "")
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    marks = "".join(
        f"@{ast.unparse(mark)}\n" for mark in node.decorator_list if _name(mark) == "contextmanager"
    )
    return marks + _wrapped(f"def {node.name}", arguments, returns)


def _wrapped(start: str, arguments: str, returns: str) -> str:
    whole = f"{start}({arguments}){returns}"
    if len(whole) <= 100:
        return whole
    lines = arguments.replace("*, ", "*,\n    ")
    return f"{start}(\n    {lines},\n){returns}"


def is_property(node: ast.FunctionDef) -> bool:
    """Whether it is read like a field."""
    return any(_name(mark) in ("property", "cached_property") for mark in node.decorator_list)


def _name(mark: ast.expr) -> str:
    return ast.unparse(mark).rpartition(".")[2]


def _plain(text: str) -> str:
    return inspect.cleandoc(text).replace("``", "`")
