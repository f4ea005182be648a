"""OpenVINO with paged attention: sequences of any length and adapter in one pass."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from metier.models.engines.adapters import Bank
from metier.models.engines.blocks import BLOCK, Blocks
from metier.models.engines.openvino_export import exported
from metier.models.engines.openvino_graph import add_adapters, keep_rows, merge
from metier.models.weights import check_adapter, read_json

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32"]
_LEAST_KEPT, _MOST_KEPT = 16_384, 65_536


@dataclass(frozen=True, slots=True)
class Slice:
    """The next tokens of one sequence."""

    tokens: Sequence[int]
    past: int
    """Tokens read before."""
    blocks: Sequence[int]
    """Where its keys and values are, for past and new tokens."""
    adapter: Path | None = None
    wanted: int = 1
    """After how many of its last tokens the logits are wanted."""


class PagedEngine:
    """One copy of the base's weights for all sequences, and room for some adapters at once.

    The graph is the exported one after OpenVINO's own transformation to paged attention, which
    reads 800 tokens at twice the speed of its plain attention. Adapters that share the engine are
    not merged: their matrices stand side by side, and a mask lets each token through its own alone
    (as S-LoRA and Punica do with kernels of their own). The adapters' matrices are inputs, so that
    putting one in the place of another compiles nothing.
    """

    def __init__(
        self,
        directory: Path,
        *,
        tokens: int | None = None,
        adapters_at_once: int = 16,
        merged: Path | None = None,
        precision: Precision = "auto",
    ) -> None:
        """Keys and values of ``tokens`` are held, in the number format that is computed in: by
        default those of the model's window, between 16,384 and 65,536. An adapter may be
        ``merged`` into the base. ``precision`` "auto" is bf16 where the processor multiplies it.
        """
        self.directory = directory
        self._merged = merged
        self._file = exported(directory)
        window = int(read_json(directory / "config.json")["max_position_embeddings"])
        self.tokens = tokens or min(max(_LEAST_KEPT, window), _MOST_KEPT)
        self.window = min(window, self.tokens)
        """Tokens that the model was trained to read and that have room."""
        import openvino

        self._core: Any = openvino.Core()
        self._settings = _compile_settings(self._core, precision)
        self.adapters_at_once = adapters_at_once
        self._bank = Bank(adapters_at_once)
        self._caches: dict[str, Any] = {}
        self._plain = self._compile([])
        blocks = -(-self.tokens // BLOCK)
        for tensor in self._plain.model_inputs:
            name = tensor.get_any_name()
            if "_cache." in name:
                shape = [
                    blocks + 1,
                    *(size.get_length() for size in list(tensor.partial_shape)[1:]),
                ]
                self._caches[name] = openvino.Tensor(tensor.element_type, openvino.Shape(shape))
        _set_all(self._plain, self._caches)
        self._adapted: Any = None
        self.blocks = Blocks(blocks)
        self._company = Slice((0,), 0, (blocks,), wanted=0)
        """Beside a single token, which OpenVINO multiplies in another order than two: so it comes
        out the same to the last bit alone and in company. It has a block of its own."""

    def reset(self) -> None:
        """Forget all that was read, also what is in use."""
        self.blocks = Blocks(self.blocks.count)

    def copy(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Write the keys and values of each pair's first block into its second."""
        if blocks:
            sources, targets = (list(side) for side in zip(*blocks, strict=True))
            for cache in self._caches.values():
                cache.data[targets] = cache.data[sources]

    def register(self, adapter: Path, *, base_name: str) -> None:
        """Let slices name this adapter; ``ModelFileError`` where it does not fit the base."""
        check_adapter(adapter, self.directory, base_name=base_name)
        if self._bank.register(adapter):
            self._adapted = None

    def forward(self, slices: Sequence[Slice]) -> torch.Tensor:
        """Logits (tokens where they are wanted, vocabulary) in float32; valid until the next call.

        At most ``adapters_at_once`` different adapters may be among them. Slices without one have
        a pass of their own: in bf16 OpenVINO rounds the base's layers otherwise where something is
        added to them, so the base's answers would hang on who else asks.
        """
        import torch

        plain = [part for part in slices if part.adapter is None]
        adapted = [part for part in slices if part.adapter is not None]
        if not plain or not adapted:
            return self._pass(slices)
        logits = {
            whose: iter(self._pass(parts).split([part.wanted for part in parts]))
            for whose, parts in (("base", plain), ("adapters", adapted))
        }
        return torch.cat([next(logits["adapters" if part.adapter else "base"]) for part in slices])

    def _pass(self, slices: Sequence[Slice]) -> torch.Tensor:
        import torch

        if sum(len(part.tokens) for part in slices) == 1:
            slices = [*slices, self._company]
        lengths = [len(part.tokens) for part in slices]
        begins = np.cumsum([0, *lengths])
        positions = [np.arange(part.past, part.past + len(part.tokens)) for part in slices]
        inputs: dict[str, Any] = {
            "input_ids": np.concatenate([np.asarray(part.tokens) for part in slices]),
            "position_ids": np.concatenate(positions),
            "max_context_len": np.array(max(p.past + len(p.tokens) for p in slices), np.int32),
            "past_lens": np.array([part.past for part in slices], np.int32),
            "subsequence_begins": begins.astype(np.int32),
            "block_indices": np.concatenate([np.asarray(p.blocks, np.int32) for p in slices]),
            "block_indices_begins": np.cumsum(
                [0, *(len(p.blocks) for p in slices)], dtype=np.int32
            ),
            "kept": np.concatenate(
                [
                    np.arange(end - part.wanted, end, dtype=np.int64)
                    for part, end in zip(slices, begins[1:], strict=True)
                ]
            ),
        }
        request = self._plain
        if any(part.adapter is not None for part in slices):
            request = self._with_adapters()
            rows = self._bank.mask([part.adapter for part in slices])
            inputs["adapters"] = np.repeat(rows, lengths, axis=0)[:, None]
        request.infer(inputs)
        return torch.from_numpy(request.get_output_tensor(0).data)[:, 0]

    def _with_adapters(self) -> Any:
        if self._adapted is None:
            self._adapted = self._compile(self._bank.modules())
            _set_all(self._adapted, {**self._caches, **self._bank.tensors()})
        return self._adapted

    def _compile(self, modules: Sequence[str]) -> Any:
        transformations: Any = importlib.import_module("openvino._offline_transformations")
        graph = self._core.read_model(self._file)
        if self._merged is not None:
            merge(graph, self.directory, self._merged)
        transformations.paged_attention_transformation(graph)
        keep_rows(graph)
        if modules:
            add_adapters(graph, modules, self._bank)
        graph.validate_nodes_and_infer_types()
        return self._core.compile_model(graph, "CPU", self._settings).create_infer_request()


def _compile_settings(core: Any, precision: Precision) -> dict[str, str]:
    """How OpenVINO is to compute: in bf16 where the processor multiplies it, unless told not to."""
    capable = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    number = "bf16" if capable and precision == "auto" else "f32"
    # Keys and values in 8 bits, the default, would cost more accuracy than bf16 arithmetic; its
    # attention reads no others than those of its own number format.
    kept = {"INFERENCE_PRECISION_HINT": number, "KV_CACHE_PRECISION": number}
    threads = os.environ.get("OMP_NUM_THREADS")  # the variable that bounds torch's threads too
    bound = {"INFERENCE_NUM_THREADS": threads} if threads else {}
    return {"PERFORMANCE_HINT": "LATENCY", **kept, **bound}


def _set_all(request: Any, tensors: dict[str, Any]) -> None:
    for name, tensor in tensors.items():
        request.set_tensor(name, tensor)
