"""Which weights lie under a model's name, so that others put in their place are noticed."""

from __future__ import annotations

from pathlib import Path

from metier.errors import ModelNotFoundError
from metier.models.fingerprints import file_fingerprint, fingerprint
from metier.models.names.catalog import PACKAGED
from metier.models.names.resolve import resolve


def weights_of(name: str) -> str | None:
    """A fingerprint of the model's files, read once; nothing is fetched.

    None where the name is all that is known: of a model behind an endpoint, one that a package
    carries (made from it when first needed), or one that is not on this machine.
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
