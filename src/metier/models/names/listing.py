"""The models that ``resolve`` finds by name: those on this machine, and those in packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metier.errors import ModelFileError, ModelNotFoundError
from metier.models.cache import cache_directory
from metier.models.names.catalog import PACKAGED, ModelInfo, ModelKind, PackagedModel
from metier.models.names.resolve import inside_package, resolve
from metier.models.weights import is_cross_encoder, read_json, weight_files

WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How the architectures of models that write are called."""


def known_models() -> list[ModelInfo]:
    """The models with a short name, then those that were pulled, then GGUF files as converted.

    What is damaged or half there is left out: ``resolve`` says what is wrong with it.
    """
    packaged = [_packaged(model) for model in PACKAGED.values()]
    converted = sorted(str(path) for path in cache_directory().glob("gguf-*"))
    return [
        *packaged,
        *_on_disk(_pulled(), "the hub's cache"),
        *_on_disk(converted, "a GGUF file, converted"),
    ]


def _packaged(model: PackagedModel) -> ModelInfo:
    cached = (cache_directory() / model.name).is_dir()
    return ModelInfo(
        name=model.name,
        kind=model.kind,
        where="cache" if cached else f"package {model.package}",
        bytes=model.bytes,
        licence=model.licence,
        state="cached" if cached or inside_package(model) is not None else "available",
    )


def _on_disk(names: list[str], where: str) -> Iterator[ModelInfo]:
    for name in names:
        try:
            directory = resolve(name)
            size = sum(file.stat().st_size for file in weight_files(directory))
            kind = _kind(directory)
        except (ModelFileError, ModelNotFoundError):
            continue
        yield ModelInfo(name, kind, where, size, "", "cached")


def _pulled() -> list[str]:
    """The names of the models in the hub's cache; its folders are ``models--OWNER--NAME``."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return []
    folders = sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*"))
    return ["/".join(folder.name.split("--", 2)[1:]) for folder in folders]


def _kind(directory: Path) -> ModelKind:
    if is_cross_encoder(directory):
        return "reranker"
    architectures = read_json(directory / "config.json").get("architectures") or [""]
    return "language" if str(architectures[0]).endswith(WRITES) else "embedding"
