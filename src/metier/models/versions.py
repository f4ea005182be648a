"""What a result has to remember of the model that gave it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from metier.models.fingerprints import fingerprint
from metier.models.names.resolve import resolve

ENGINES = ("openvino", "torch", "transformers", "peft", "openai")


def describe(name: str) -> Mapping[str, str]:
    """The weights' fingerprint and the engines' versions; a remote model has only its name."""
    found = {"model": name}
    if not name.startswith("openai:"):
        found["weights"] = fingerprint(resolve(name))
    for engine in ENGINES:
        try:
            found[engine] = version(engine)
        except PackageNotFoundError:
            continue
    return found
