"""LoRA adapters: read from PEFT's layout, and side by side in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


class Bank:
    """The adapters' matrices side by side; the least recently used gives its place away.

    Only those that have a place are in memory. The others are read again when they are wanted.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._rank = 0
        self._adapters: dict[Path, LoraFile] = {}
        self._loaded: OrderedDict[Path, int] = OrderedDict()
        self._changed: set[Path] = set()
        """Those to read again, since their folder was registered a second time."""
        self._matrices: dict[str, tuple[Floats, Floats]] = {}

    @property
    def width(self) -> int:
        """Ranks of all places together."""
        return self._places * self._rank

    def register(self, adapter: Path) -> bool:
        """Make room for an adapter; whether that changed the shapes or the layers."""
        found = self._adapters[adapter] = LoraFile.of(adapter)
        self._changed.add(adapter)
        if found.rank <= self._rank and found.ends.keys() <= self._matrices.keys():
            return False
        self._rank = max(self._rank, found.rank)
        ends = {
            module: (high.shape[0], low.shape[1]) for module, (low, high) in self._matrices.items()
        } | dict(found.ends)
        self._matrices = {
            module: (
                np.zeros((self.width, into), np.float32),
                np.zeros((out, self.width), np.float32),
            )
            for module, (out, into) in ends.items()
        }
        self._loaded.clear()
        return True

    def modules(self) -> list[str]:
        """Layers that some adapter changes."""
        return sorted(self._matrices)

    def shapes(self, module: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of both matrices of a layer."""
        low, high = self._matrices[module]
        return low.shape, high.shape

    def tensors(self) -> dict[str, Any]:
        """The inputs, which share memory with the matrices here."""
        import openvino

        return {
            f"lora.{module}.{part}": openvino.Tensor(matrix, shared_memory=True)
            for module, matrices in self._matrices.items()
            for part, matrix in zip("ab", matrices, strict=True)
        }

    def mask(self, adapters: Sequence[Path | None]) -> Floats:
        """Shape (sequences, width): 1 where a sequence's own adapter stands."""
        wanted = dict.fromkeys(adapter for adapter in adapters if adapter is not None)
        for adapter in wanted:
            self._load(adapter, keep=wanted)
        rows = np.zeros((len(adapters), self.width), np.float32)
        for row, own in enumerate(adapters):
            if own is not None:
                start = self._loaded[own] * self._rank
                rows[row, start : start + self._rank] = 1
        return rows

    def _load(self, adapter: Path, *, keep: dict[Path, None]) -> None:
        if adapter not in self._loaded or adapter in self._changed:
            read = self._adapters[adapter].matrices()
            place = self._loaded.get(adapter, len(self._loaded))
            if place == self._places:
                oldest = next(name for name in self._loaded if name not in keep)
                place = self._loaded.pop(oldest)
            columns = slice(place * self._rank, (place + 1) * self._rank)
            for module, (lows, highs) in self._matrices.items():
                lows[columns], highs[:, columns] = 0, 0
                if module in read:
                    low, high = read[module]
                    lows[columns][: len(low)] = low
                    highs[:, columns][:, : high.shape[1]] = high
            self._loaded[adapter] = place
            self._changed.discard(adapter)
        self._loaded.move_to_end(adapter)


_START, _LOW, _HIGH = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def _name(module: str, matrix: str) -> str:
    return f"{_START}{module}{matrix}"
