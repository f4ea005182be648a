"""A LoRA adapter's matrices, read from PEFT's layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metier.errors import ModelFileError
from metier.models.weights import read_json, safetensors_shapes

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LoraFile:
    """Where an adapter's matrices are, and how strongly they count."""

    file: Path
    rank: int
    scale: float
    ends: Mapping[str, tuple[int, int]]
    """Outputs and inputs of each layer that it changes, by the layer's name."""

    @classmethod
    def of(cls, adapter: Path) -> LoraFile:
        """Read its configuration and header; ``ModelFileError`` for a matrix without the other."""
        config = read_json(adapter / "adapter_config.json")
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
        file = adapter / "adapter_model.safetensors"
        shapes = safetensors_shapes(file)
        ends = {}
        for name in (name for name in shapes if name.endswith(_LOW)):
            module = name.removeprefix(_START).removesuffix(_LOW)
            if _name(module, _HIGH) not in shapes:
                raise ModelFileError(f"{adapter} has {name} without its lora_B")
            ends[module] = (shapes[_name(module, _HIGH)][0], shapes[name][1])
        return cls(file, rank, scale, ends)

    def matrices(self) -> dict[str, tuple[Floats, Floats]]:
        """Of each layer A (rank, inputs) and B (outputs, rank), B times the scale."""
        from safetensors.numpy import load_file

        try:
            found = load_file(self.file)
        except OSError as error:
            raise ModelFileError(f"{self.file} cannot be read any more: {error}") from error
        return {
            module: (
                found[_name(module, _LOW)].astype(np.float32),
                found[_name(module, _HIGH)].astype(np.float32) * np.float32(self.scale),
            )
            for module in self.ends
        }


_START, _LOW, _HIGH = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def _name(module: str, matrix: str) -> str:
    return f"{_START}{module}{matrix}"
