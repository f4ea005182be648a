"""A small labelled file of real text, a recipe for it, and the `metier` command in a process."""

import csv
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    *, rungs: str = CHEAP_RUNGS, split: str = "", curve: str = "[]", more: str = "", seed: int = 3
) -> str:
    """A recipe for ``docs.csv`` beside it."""
    return f"""name = "docs"
seed = {seed}

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


def write_project(folder: Path, **recipe: Any) -> Path:
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


# Root too is then bound by permissions; another user could not start an interpreter that lies in
# root's home. The numbers are those of linux/prctl.h and linux/capability.h.
BOUND = """
import ctypes, os, sys
drop_from_bounding_set, override, read_search = 24, 1, 2
for capability in (override, read_search) if os.geteuid() == 0 else ():
    if ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0) != 0:
        sys.exit("root cannot give up its capabilities here")
os.execv(sys.argv[1], sys.argv[1:])
"""


def bound_by_permissions(command: list[str]) -> list[str]:
    """The command in a process that may read and write only what file permissions say."""
    return [sys.executable, "-c", BOUND, *command]


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a child that file permissions bind, whoever runs the tests."""
    return subprocess.run(
        bound_by_permissions([sys.executable, "-c", code, *map(str, arguments)]),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def metier(
    *arguments: object,
    cwd: Path,
    fakes: bool = True,
    given: str | None = None,
    bound: bool = False,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; ``bound`` by file permissions even where root runs the tests."""
    asked = command(*arguments, fakes=fakes)
    return subprocess.run(
        bound_by_permissions(asked) if bound else asked,
        cwd=cwd,
        env={**environment(), **variables},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def write_weights(folder, number):
    """A model directory whose weights are this one number."""
    folder.mkdir(exist_ok=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    content = struct.pack("<Q", len(header)) + header + struct.pack("<f", number)
    (folder / "model.safetensors").write_bytes(content)
    (folder / "config.json").write_text("{}")
