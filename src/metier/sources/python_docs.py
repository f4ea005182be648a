"""Documents from the docstrings of the running interpreter's own standard library."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

from metier.errors import SourceError
from metier.types import Document, Malformed

LEFT_OUT = frozenset(
    {"antigravity", "this", "idlelib", "turtledemo", "test", "tests", "lib2to3", "__main__"}
)
"""Modules and folders that open windows, print, hold no documentation or run something."""
PACKAGES = (
    "argparse", "ast", "asyncio", "calendar", "collections", "concurrent", "configparser",
    "contextlib", "csv", "ctypes", "datetime", "decimal", "difflib", "email", "enum", "fractions",
    "functools", "gzip", "http", "importlib", "inspect", "io", "ipaddress", "itertools", "json",
    "logging", "mailbox", "multiprocessing", "os", "pathlib", "pickle", "random", "re", "shutil",
    "socket", "sqlite3", "ssl", "statistics", "string", "subprocess", "tarfile", "threading",
    "tkinter", "turtle", "unittest", "urllib", "xml", "zipfile",
)  # fmt: skip
"""What a Python programmer meets; every version that metier supports has them."""

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class PythonDocsSource:
    """One document an entry: module, class, function, method or property with a docstring."""

    packages: Sequence[str] | None = None
    """Top-level modules of the standard library; None means the 48 of ``PACKAGES``."""
    min_characters: int = 60
    """Shorter docstrings say too little; they are left out."""
    topics: bool = False
    """Also the language reference's topics, from ``pydoc_data.topics``."""

    def documents(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Document]:
        """Yield each distinct docstring once, by package, module and definition in that order.

        ``metadata`` has ``module`` (the top-level one), ``qualified_name``, ``kind``,
        ``signature`` and ``names``: the words that would tell which module the entry is from.
        A module that cannot be imported here goes to ``on_malformed``.
        """
        count = 0
        seen_texts: set[str] = set()
        for package in PACKAGES if self.packages is None else self.packages:
            if package not in sys.stdlib_module_names or package in LEFT_OUT:
                raise SourceError(f"{package!r} is no documented module of the standard library")
            for entry in _entries(package, on_malformed):
                text = inspect.cleandoc(entry.docstring)
                if len(text) >= self.min_characters and text not in seen_texts:
                    seen_texts.add(text)
                    count += 1
                    yield _document(package, entry, text)
        if self.topics:
            yield from _topics()
        if not count:
            raise SourceError("no docstrings in this interpreter; run it without -OO")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    """Qualified with its module."""
    module: str
    kind: str
    docstring: str
    value: object


def _document(package: str, entry: _Entry, text: str) -> Document:
    own = entry.name.removeprefix(entry.module).strip(".")
    names = {package, entry.module, entry.name, own, *entry.name.split(".")} - {""}
    metadata = {
        "module": package,
        "qualified_name": entry.name,
        "kind": entry.kind,
        "signature": _signature(entry.value),
        # Longest first, so that taking them out in this order leaves no remainders.
        "names": sorted(names, key=lambda name: (-len(name), name)),
    }
    return Document(entry.name, text, entry.name, f"python:{entry.name}", metadata)


def _signature(value: object) -> str:
    if not callable(value):
        return ""
    try:
        # Defaults such as <object object at 0x7f...> would differ in every process.
        return ADDRESS.sub("", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return ""


def _entries(package: str, on_malformed: Callable[[Malformed], None]) -> Iterator[_Entry]:
    seen: set[int] = set()
    for name in _module_names(package):
        module = _import(name)
        if isinstance(module, Malformed):
            on_malformed(module)
            continue
        if isinstance(module.__doc__, str):
            yield _Entry(name, name, "module", module.__doc__, module)
        for member, value in sorted(vars(module).items()):
            if _belongs(member, value, package) and id(value) not in seen:
                seen.add(id(value))
                yield from _definition(f"{name}.{member}", name, value)


def _module_names(package: str) -> Iterator[str]:
    yield package
    module = _import(package)
    if isinstance(module, Malformed):
        return
    for info in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=_name):
        if info.name in LEFT_OUT or info.name.startswith(("_", "test_")):
            continue
        name = f"{package}.{info.name}"
        yield from _module_names(name) if info.ispkg else (name,)


def _name(info: pkgutil.ModuleInfo) -> str:
    return info.name


def _import(name: str) -> ModuleType | Malformed:
    """The module, with whatever it prints or warns about caught."""
    silence = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        # Any module may fail in its own way on a system that lacks what it wraps.
        return Malformed(f"python:{name}", None, f"cannot be imported here: {error!r}")


def _belongs(name: str, value: object, package: str) -> bool:
    if name.startswith("_") or not (inspect.isclass(value) or inspect.isroutine(value)):
        return False
    # C functions often name the accelerator's module (_socket, _io) or none.
    home = (getattr(value, "__module__", None) or package).split(".")[0].lstrip("_")
    return home == package


def _definition(name: str, module: str, value: object) -> Iterator[_Entry]:
    docstring = _own_docstring(value)
    if docstring:
        kind = "class" if inspect.isclass(value) else "function"
        yield _Entry(name, module, kind, docstring, value)
    if not inspect.isclass(value):
        return
    for member, attribute in sorted(vars(value).items()):
        if member.startswith("_"):
            continue
        if isinstance(attribute, property):
            kind = "property"
        elif inspect.isroutine(attribute):
            kind = "method"
        else:
            continue
        docstring = _own_docstring(attribute)
        if docstring:
            plain = getattr(attribute, "__func__", attribute)
            yield _Entry(f"{name}.{member}", module, kind, docstring, plain)


def _own_docstring(value: object) -> str:
    docstring = getattr(value, "__doc__", None)
    return docstring if isinstance(docstring, str) else ""


def _topics() -> Iterator[Document]:
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        metadata = {"module": "topics", "qualified_name": name, "kind": "topic"}
        named = {**metadata, "signature": "", "names": [name]}
        yield Document(f"topics.{name}", text.strip(), name, f"python:topics.{name}", named)
