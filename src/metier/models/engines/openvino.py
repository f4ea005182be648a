"""The engine for processors: OpenVINO, with the adapter merged into the weights."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from metier.errors import ModelFileError
from metier.models.engines.openvino_export import OpenVinoGraph, exported
from metier.models.engines.prefixes import groups, saves
from metier.models.engines.scoring import Pack
from metier.models.quiet import quiet

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32"]
Request = Any
"""An ``openvino.InferRequest``."""

_HIDDEN = np.finfo(np.float32).min
"""Added to a score that a token must not see; not infinite, as a row of those has no softmax."""


class OpenVinoEngine:
    """Steps and trees on one compiled graph that keeps its keys and values inside."""

    def __init__(
        self, directory: Path, *, adapter: Path | None = None, precision: Precision = "auto"
    ) -> None:
        """Compile the model; the export from its safetensors is made once and kept."""
        file = exported(directory)
        import openvino

        core = openvino.Core()
        graph = core.read_model(file)
        if adapter is not None:
            _merge(graph, _merged_weights(directory, adapter))
        _open_mask(graph)
        _keep_last(graph)
        compiled = core.compile_model(graph, "CPU", compile_settings(precision))
        self._request: Request = compiled.create_infer_request()
        self._mask: NDArray[np.bool_] = np.zeros((0, 0), dtype=np.bool_)
        self._prefix: list[int] = []
        self._prefix_state: list[Any] = []

    def start(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read the prompts, a beginning that several of them share only once."""
        self._request.reset_state()
        found = groups(prompts)
        if not saves(prompts, found):
            nothing = np.zeros((len(prompts), 0), dtype=np.bool_)
            return self._read(prompts, after=nothing, rows=np.arange(len(prompts)))
        beginnings = [prompts[group.rows[0]][: group.length] for group in found]
        nothing = np.zeros((len(found), 0), dtype=np.bool_)
        self._read(beginnings, after=nothing, rows=np.arange(len(found)))
        owner = {row: place for place, group in enumerate(found) for row in group.rows}
        rows = np.array([owner[row] for row in range(len(prompts))])
        endings = [prompt[found[owner[row]].length :] for row, prompt in enumerate(prompts)]
        return self._read(endings, after=self._mask[rows], rows=rows)

    def _read(
        self, texts: Sequence[Sequence[int]], *, after: NDArray[np.bool_], rows: NDArray[np.int64]
    ) -> torch.Tensor:
        """Read left-padded texts behind those rows of the state of which ``after`` is the mask."""
        width = max(len(text) for text in texts)
        ids = np.zeros((len(texts), width), dtype=np.int64)
        mask = np.zeros((len(texts), width), dtype=np.bool_)
        for row, text in enumerate(texts):
            ids[row, width - len(text) :] = text
            mask[row, width - len(text) :] = True
        positions = np.maximum(after.sum(1, keepdims=True) + mask.cumsum(1) - 1, 0)
        visible = np.tri(width, dtype=np.bool_)[None] & mask[:, None, :]
        visible |= np.eye(width, dtype=np.bool_)  # padding has to look at something
        before = np.broadcast_to(after[:, None, :], (len(texts), width, after.shape[1]))
        self._mask = np.concatenate([after, mask], axis=1)
        both = np.concatenate([before, visible], axis=2)
        return self._infer(ids, positions, both, rows=rows, keep=1)[:, 0]

    def step(self, tokens: Sequence[int], rows: Sequence[int]) -> torch.Tensor:
        """Append one token to each kept row."""
        self._mask = self._mask[list(rows)]
        positions = self._mask.sum(1, keepdims=True)
        self._mask = np.pad(self._mask, ((0, 0), (0, 1)), constant_values=True)
        ids = np.array(tokens, dtype=np.int64)[:, None]
        return self._infer(ids, positions, self._mask[:, None, :], rows=np.array(rows), keep=1)[
            :, 0
        ]

    def read_prefix(self, tokens: Sequence[int]) -> None:
        """Keep the keys and values of a prefix until another one comes."""
        if self._prefix == list(tokens):
            return
        self._prefix, self._prefix_state = list(tokens), []
        if tokens:
            self._request.reset_state()
            count = len(tokens)
            self._infer(
                np.array([tokens], dtype=np.int64),
                np.arange(count)[None],
                np.tri(count, dtype=np.bool_)[None],
                rows=np.zeros(1),
                keep=1,
            )
            self._prefix_state = [state.state for state in self._request.query_state()]

    def tree_logits(self, pack: Pack) -> torch.Tensor:
        """One pass over prompts and trees."""
        self._request.reset_state()
        rows: NDArray[Any] = np.arange(len(pack.ids))
        if self._prefix:
            for state, kept in zip(self._request.query_state(), self._prefix_state, strict=True):
                state.state = kept
            rows = np.zeros(len(pack.ids))
        return self._infer(pack.ids, pack.positions, pack.visible, rows=rows, keep=pack.keep)

    def _infer(
        self,
        ids: NDArray[np.int64],
        positions: NDArray[np.int64],
        visible: NDArray[np.bool_],
        *,
        rows: NDArray[Any],
        keep: int,
    ) -> torch.Tensor:
        """Logits (rows, keep, vocabulary); valid until the next call."""
        import torch

        self._request.infer(
            {
                "input_ids": ids,
                "position_ids": positions.astype(np.int64),
                "mask": np.where(visible, np.float32(0), _HIDDEN)[:, None],
                "beam_idx": rows.astype(np.int32),
                "keep": np.array([-keep], dtype=np.int64),
            }
        )
        return torch.from_numpy(self._request.get_output_tensor(0).data)


def compile_settings(precision: Precision = "auto") -> dict[str, str]:
    """How OpenVINO is to compute; the same for the measured and the served engine."""
    # Keys and values in 8 bits, the default, would cost more accuracy than bf16 arithmetic.
    settings = {"PERFORMANCE_HINT": "LATENCY", "KV_CACHE_PRECISION": "f32"}
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads:  # the variable that bounds torch's threads too
        settings["INFERENCE_NUM_THREADS"] = threads
    if precision == "float32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    return settings


def _merged_weights(directory: Path, adapter: Path) -> Mapping[str, NDArray[np.float16]]:
    """The layers that the adapter changes, as PEFT itself merges them."""
    import torch
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer
    from transformers import AutoModelForCausalLM

    with quiet():
        base: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        tuned: Any = PeftModel.from_pretrained(base, adapter)
    model = tuned.get_base_model()
    changed = [name for name, part in model.named_modules() if isinstance(part, BaseTunerLayer)]
    tuned.merge_adapter()
    return {
        name: model.get_submodule(name).base_layer.weight.detach().to(torch.float16).numpy()
        for name in changed
    }


def _merge(graph: OpenVinoGraph, weights: Mapping[str, NDArray[np.float16]]) -> None:
    opset: Any = importlib.import_module("openvino.opset13")
    for name, product in products(graph, weights):
        constant = opset.convert(opset.constant(weights[name]), "f32")
        product.input(1).replace_source_output(constant.output(0))


def products(graph: OpenVinoGraph, layers: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The matrix product of each of these layers, which PEFT's names tell.

    Raises ``ModelFileError`` for one that the graph does not show.
    """
    nodes = {node.get_friendly_name(): node for node in graph.get_ops()}
    for layer in layers:
        product = nodes.get(f"__module.{layer}/aten::linear/MatMul")
        if product is None:
            raise ModelFileError(
                f"the adapter changes {layer}, which OpenVINO's graph does not show; "
                'use the engine "transformers"'
            )
        yield layer, product


def _open_mask(graph: OpenVinoGraph) -> None:
    """Let callers say what each token sees, instead of all that came before it.

    The mask is added to the scores: OpenVINO converts one of truth values element by element,
    which takes most of the time of reading a long prompt.
    """
    import openvino

    opset: Any = importlib.import_module("openvino.opset13")
    mask = opset.parameter(openvino.PartialShape([-1, 1, -1, -1]), dtype=openvino.Type.f32)
    mask.output(0).get_tensor().set_names({"mask"})
    for node in graph.get_ops():
        if node.get_type_name() == "ScaledDotProductAttention":
            node.input(3).replace_source_output(mask.output(0))
    graph.remove_parameter(graph.input("attention_mask").get_node())
    graph.add_parameters([mask])
    graph.validate_nodes_and_infer_types()


def _keep_last(graph: OpenVinoGraph) -> None:
    """Put only the last columns through the vocabulary: a third of the work of reading a prompt."""
    import openvino

    opset: Any = importlib.import_module("openvino.opset13")
    keep = opset.parameter(openvino.PartialShape([1]), dtype=openvino.Type.i64)
    keep.output(0).get_tensor().set_names({"keep"})
    node = graph.output("logits").get_node().input(0).get_source_output().get_node()
    while node.get_type_name() != "MatMul":  # some models scale or cap their logits
        node = node.input(0).get_source_output().get_node()
    last = opset.slice(
        node.input(0).get_source_output(),
        keep,
        opset.constant(np.array([np.iinfo(np.int64).max])),
        opset.constant(np.array([1])),
        opset.constant(np.array([1])),
    )
    node.input(0).replace_source_output(last.output(0))
    graph.add_parameters([keep])
    graph.validate_nodes_and_infer_types()
