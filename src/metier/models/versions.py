"""What a result has to remember of the model that gave it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from metier.errors import ModelNotFoundError
from metier.models.fingerprints import file_fingerprint, fingerprint
from metier.models.names.catalog import PACKAGED
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


def weights_of(name: str) -> str | None:
    """A fingerprint of the model's files, by which others put in their place are noticed.

    Nothing is fetched. None where the name is all that is known: of a model behind an endpoint,
    one that a package carries (made from it when first needed), or one that is not on this machine.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return file_fingerprint(path)
    is_local = (path / "config.json").is_file()
    if name.startswith("openai:") or (name.lower() in PACKAGED and not is_local):
        return None
    try:
        return fingerprint(resolve(name))
    except ModelNotFoundError:
        return None
