"""What is changed in an exported graph: weights, adapters beside them, which logits it gives."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.errors import ModelFileError
from metier.models.engines.adapters import Bank
from metier.models.engines.openvino_export import OpenVinoGraph
from metier.models.quiet import quiet


def merge(graph: OpenVinoGraph, directory: Path, adapter: Path) -> None:
    """Put the tuned weights in the place of the base's."""
    opset: Any = importlib.import_module("openvino.opset13")
    weights = _merged_weights(directory, adapter)
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


def keep_rows(graph: OpenVinoGraph) -> None:
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


def add_adapters(graph: OpenVinoGraph, modules: Sequence[str], bank: Bank) -> None:
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
