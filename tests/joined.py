"""A small labelled file of real text, a recipe for it, and the `metier` command in a process."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from metier.sources import PythonDocsSource

PACKAGES = ("asyncio", "decimal", "email", "tarfile")
ROWS_PER_PACKAGE = 35
SOURCE = Path(__file__).parents[1] / "src"
FAKES = Path(__file__).with_name("metier_with_fakes.py")

CHEAP_RUNGS = """
[[rungs]]
method = "majority"

[[rungs]]
method = "tfidf"
features = "word"
"""


def documented() -> list[dict[str, str]]:
    """Docstrings of four modules, in the order of the modules."""
    rows = []
    for package in PACKAGES:
        found = []
        for document in PythonDocsSource([package]).documents(lambda malformed: None):
            found.append({"id": document.id, "module": package, "text": document.text})
        rows += found[:ROWS_PER_PACKAGE]
    return rows


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    """Rows as CSV; the first one has all the columns."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def recipe_text(
    *, rungs: str = CHEAP_RUNGS, split: str = "", curve: str = "[]", more: str = ""
) -> str:
    """A recipe for ``docs.csv`` beside it."""
    return f"""name = "docs"
seed = 3

[[sources]]
kind = "table"
path = "docs.csv"
id = "id"

[task]
kind = "classification"
instruction = "Which module does this entry belong to?"
label = "module"

[split]
test = 0.4
{split}

[curve]
rows_per_class = [8]
rungs = {curve}
{rungs}
{more}"""


def write_project(folder: Path, **recipe: str) -> Path:
    """``docs.csv`` and ``metier.toml``; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "docs.csv", documented())
    (folder / "metier.toml").write_text(recipe_text(**recipe), encoding="utf-8")
    return folder


def environment() -> dict[str, str]:
    """The environment of a child that imports this tree's metier; one thread, no colours asked."""
    return {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}


def command(*arguments: object, fakes: bool = True) -> list[str]:
    """``metier ARGUMENTS``; with ``fakes`` its models come from ``metier.models.engines.fake``."""
    start = [str(FAKES)] if fakes else ["-m", "metier.cli.main"]
    return [sys.executable, *start, *map(str, arguments)]


def metier(
    *arguments: object, cwd: Path, fakes: bool = True, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        command(*arguments, fakes=fakes),
        cwd=cwd,
        env=environment(),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
