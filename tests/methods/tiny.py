"""A tiny real task: which standard-library package does a docstring belong to?"""

import importlib
import inspect
import pkgutil
import random
import re
from dataclasses import dataclass

from metier.types import Example, Message, Task

PACKAGES = ("email", "logging", "unittest")
TASK = Task(
    "classification",
    "Which part of Python's standard library does this text describe?",
    labels=PACKAGES,
    max_input_tokens=48,
    max_answer_tokens=8,
)


@dataclass(frozen=True)
class Rows:
    train: list[Example]
    dev: list[Example]
    held_out: list[Example]


def docstrings(package):
    root = importlib.import_module(package)
    found = {}
    for info in [None, *pkgutil.iter_modules(root.__path__, f"{package}.")]:
        if info is not None and info.name.endswith("__main__"):
            continue
        module = root if info is None else importlib.import_module(info.name)
        for name, member in sorted(vars(module).items()):
            if str(getattr(member, "__module__", "")).startswith(package):
                text = inspect.getdoc(member) or ""
                text = re.sub(package, "it", text, flags=re.IGNORECASE)
                if len(text) >= 60:
                    found[text] = f"{package}/{name}"
    return [Example(origin, text, package) for text, origin in sorted(found.items())]


def tiny_rows():
    train, dev, held_out = [], [], []
    for package in PACKAGES:
        drawn = random.Random(1).sample(docstrings(package), 18)
        train += drawn[:8]
        dev += drawn[8:12]
        held_out += drawn[12:]
    return Rows(train, dev, held_out)


def asked(examples):
    return [(Message("user", example.input),) for example in examples]
