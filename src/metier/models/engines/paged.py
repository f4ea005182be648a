"""OpenVINO with paged attention: sequences of any length and adapter in one pass."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metier.models.engines.adapters import Floats, LoraFile
from metier.models.engines.openvino import compile_settings, products
from metier.models.engines.openvino_export import OpenVinoGraph, exported
from metier.models.weights import check_adapter

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Slice:
    """The next tokens of one sequence."""

    tokens: Sequence[int]
    past: int
    """Tokens read before."""
    blocks: Sequence[int]
    """Where its keys and values are, for past and new tokens."""
    adapter: Path | None = None
    last: bool = True
    """Whether the logits after its last token are wanted."""


class PagedEngine:
    """One copy of the base's weights for all sequences, and room for some adapters at once.

    The graph is that of ``OpenVinoEngine`` after OpenVINO's own transformation to paged
    attention. Adapters are not merged: their matrices stand side by side, and a mask lets each
    token through its own alone (as S-LoRA and Punica do with kernels of their own). The adapters'
    matrices are inputs, so that putting one in the place of another compiles nothing.
    """

    def __init__(self, directory: Path, *, blocks: int, adapters_at_once: int = 16) -> None:
        """``blocks`` of 32 tokens are held in memory, in float32 as in ``OpenVinoEngine``."""
        self.directory = directory
        self._file = exported(directory)
        import openvino

        self._core: Any = openvino.Core()
        self._bank = _Bank(adapters_at_once)
        self._caches: dict[str, Any] = {}
        self._plain = self._compile([])
        for tensor in self._plain.model_inputs:
            name = tensor.get_any_name()
            if "_cache." in name:
                shape = [blocks, *(size.get_length() for size in list(tensor.partial_shape)[1:])]
                self._caches[name] = openvino.Tensor(tensor.element_type, openvino.Shape(shape))
        _set_all(self._plain, self._caches)
        self._adapted: Any = None

    def register(self, adapter: Path, *, base_name: str) -> None:
        """Let slices name this adapter; ``ModelFileError`` where it does not fit the base."""
        check_adapter(adapter, self.directory, base_name=base_name)
        if self._bank.register(adapter):
            self._adapted = None

    def forward(self, slices: Sequence[Slice]) -> torch.Tensor:
        """Logits (slices that want them, vocabulary) in float32; valid until the next call.

        At most ``adapters_at_once`` different adapters may be among them.
        """
        import torch

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
            "kept": np.array([begins[i + 1] - 1 for i, p in enumerate(slices) if p.last], np.int64),
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
        transformations.paged_attention_transformation(graph)
        _keep_rows(graph)
        if modules:
            _add_adapters(graph, modules, self._bank)
        graph.validate_nodes_and_infer_types()
        return self._core.compile_model(graph, "CPU", compile_settings()).create_infer_request()


class _Bank:
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


def _set_all(request: Any, tensors: dict[str, Any]) -> None:
    for name, tensor in tensors.items():
        request.set_tensor(name, tensor)


def _keep_rows(graph: OpenVinoGraph) -> None:
    """Put only the tokens whose logits are wanted through the vocabulary."""
    import openvino

    opset: Any = importlib.import_module("openvino.opset13")
    kept = _parameter("kept", [-1], openvino.Type.i64)
    node = graph.output("logits").get_node().input(0).get_source_output().get_node()
    while node.get_type_name() != "MatMul":  # some models scale or cap their logits
        node = node.input(0).get_source_output().get_node()
    rows = opset.gather(node.input(0).get_source_output(), kept, opset.constant(np.array(0)))
    node.input(0).replace_source_output(rows.output(0))
    graph.add_parameters([kept])


def _add_adapters(graph: OpenVinoGraph, modules: Sequence[str], bank: _Bank) -> None:
    """To each changed layer add B (mask * A x).

    Computed as its transpose, A and B on the left: OpenVINO rearranges what stands on the right at
    every pass unless it is a constant, and here that is the few tokens and not all the adapters.
    On one thread, 32 tokens of 16 adapters took 1.11 times the base alone instead of 1.64 times
    (the least of 12 passes each).
    """
    import openvino

    opset: Any = importlib.import_module("openvino.opset13")
    turned, middle = opset.constant(np.array([1, 0])), opset.constant(np.array([1]))
    mask = _parameter("adapters", [-1, 1, bank.width], openvino.Type.f32)
    own = opset.transpose(opset.squeeze(mask, middle), turned)
    added = [mask]
    for module, product in products(graph, modules):
        shapes = bank.shapes(module)
        low, high = (
            _parameter(f"lora.{module}.{part}", list(shape), openvino.Type.f32)
            for part, shape in zip("ab", shapes, strict=True)
        )
        readers = product.output(0).get_target_inputs()
        tokens = opset.squeeze(product.input(0).get_source_output(), middle)
        inner = opset.multiply(opset.matmul(low, tokens, False, True), own)
        change = opset.transpose(opset.matmul(high, inner, False, False), turned)
        total = opset.add(product.output(0), opset.unsqueeze(change, middle))
        for reader in readers:
            reader.replace_source_output(total.output(0))
        added += [low, high]
    graph.add_parameters(added)


def _parameter(name: str, shape: list[int], kind: Any) -> Any:
    import openvino

    opset: Any = importlib.import_module("openvino.opset13")
    made = opset.parameter(openvino.PartialShape(shape), dtype=kind)
    made.output(0).get_tensor().set_names({name})
    return made
