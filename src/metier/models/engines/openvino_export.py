"""A transformers model turned into OpenVINO's format, once, without optimum."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import MissingExtraError, ModelFileError
from metier.models.cache import cache_directory, made_once
from metier.models.fingerprints import fingerprint
from metier.models.quiet import quiet

if TYPE_CHECKING:
    import torch

OpenVinoGraph = Any
"""An ``openvino.Model``; openvino is imported late."""
TorchModel = Any
KeyValues = Any
"""Per layer a pair of tensors, as torch's tracer passes them."""
GRAPH = "openvino_model.xml"
FORMAT = 1
"""Raised when the exported graph changes, so that older exports are made anew."""


def exported(directory: Path) -> Path:
    """The graph's file of a model directory; made once and kept.

    Raises ``MissingExtraError`` without OpenVINO, ``ModelFileError`` as ``export``.
    """
    if importlib.util.find_spec("openvino") is None:
        raise MissingExtraError('the engine "openvino"', "models")
    kept = cache_directory() / f"openvino-{FORMAT}-{fingerprint(directory)}"
    return made_once(kept, lambda target: export(directory, target)) / GRAPH


def export(directory: Path, target: Path) -> None:
    """Write ``openvino_model.xml`` and ``.bin`` (fp16) with the tokenizer's files into ``target``.

    The graph has the inputs and the hidden state that OpenVINO GenAI expects of a text model:
    ``input_ids``, ``attention_mask``, ``position_ids``, ``beam_idx``. The names of its matrix
    products are those of PEFT's layers, so that adapters find them. Raises ``ModelFileError`` for
    an architecture that cannot be traced.
    """
    import openvino

    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing constants, meant
            graph = _traced(directory)
    except (RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise ModelFileError(
            f"{directory} cannot be turned into OpenVINO's format: {str(error).splitlines()[0]}; "
            'use the engine "transformers" for this model'
        ) from error
    for file in directory.iterdir():
        if file.suffix in (".json", ".jinja", ".txt", ".model") and file.is_file():
            shutil.copy(file, target)
    openvino.save_model(graph, target / GRAPH, compress_to_fp16=True)


def _traced(directory: Path) -> OpenVinoGraph:
    import openvino
    import torch
    from transformers import AutoModelForCausalLM

    model: TorchModel = AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="sdpa"
    )
    model.eval()
    config = model.config
    model.forward = types.MethodType(_forward_of(model), model)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    past = torch.zeros(2, config.num_key_value_heads, 3, width)
    graph = openvino.convert_model(
        model,
        example_input={
            "input_ids": torch.ones(2, 4, dtype=torch.long),
            "attention_mask": torch.ones(2, 7, dtype=torch.long),
            "position_ids": torch.arange(3, 7).expand(2, 4),
            "past_key_values": [(past, past)] * config.num_hidden_layers,
        },
    )
    past_names, present_names = _name(graph, config.num_hidden_layers)
    for tensor in graph.inputs[3:]:
        shape = [-1, config.num_key_value_heads, -1, width]
        tensor.get_node().set_partial_shape(openvino.PartialShape(shape))
    graph.validate_nodes_and_infer_types()
    _hide_state(graph, past_names, present_names)
    return graph


def _forward_of(model: TorchModel) -> Callable[..., tuple[torch.Tensor, ...]]:
    """The model's forward with plain tensors for the cache, and a mask that tracing can follow."""
    import torch
    from transformers import DynamicCache

    inner = model.forward

    def forward(
        self: TorchModel,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: KeyValues,
    ) -> tuple[torch.Tensor, ...]:
        cache: Any = DynamicCache(config=self.config)
        for layer, (keys, values) in zip(cache.layers, past_key_values, strict=True):
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
        total, new = attention_mask.shape[1], input_ids.shape[1]
        places = torch.arange(total)
        causal = places[None, :] <= (torch.arange(new) + (total - new))[:, None]
        visible = causal[None, None] & attention_mask[:, None, None, :].bool()
        output = inner(
            input_ids=input_ids,
            attention_mask=visible,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        state = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        return (output.logits, *state)

    return forward


def _name(graph: OpenVinoGraph, layers: int) -> tuple[list[str], list[str]]:
    kinds = [f"{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")]
    past = [f"past_key_values.{kind}" for kind in kinds]
    present = [f"present.{kind}" for kind in kinds]
    for tensor, name in zip(graph.inputs[3:], past, strict=True):
        tensor.get_tensor().set_names({name})
    graph.outputs[0].get_tensor().set_names({"logits"})
    for tensor, name in zip(graph.outputs[1:], present, strict=True):
        tensor.get_tensor().set_names({name})
    for tensor, name in zip(
        graph.inputs[:3], ("input_ids", "attention_mask", "position_ids"), strict=True
    ):
        tensor.get_tensor().set_names({name})
    return past, present


def _hide_state(graph: OpenVinoGraph, past: list[str], present: list[str]) -> None:
    """Keep keys and values inside the graph, reordered by ``beam_idx`` before each step."""
    import numpy as np
    import openvino

    opset: Any = importlib.import_module("openvino.opset13")
    batch = graph.input("input_ids").get_partial_shape()[0]
    beams = opset.parameter(openvino.PartialShape([batch]), dtype=openvino.Type.i32)
    beams.set_friendly_name("beam_idx")
    beams.output(0).get_tensor().set_names({"beam_idx"})
    graph.add_parameters([beams])
    for name in past:
        tensor = graph.input(name)
        readers = tensor.get_target_inputs()
        ordered = opset.gather(tensor, beams, opset.constant(0))
        for reader in readers:
            reader.replace_source_output(ordered.output(0))
    graph.validate_nodes_and_infer_types()
    transformations: Any = importlib.import_module("openvino._offline_transformations")
    transformations.apply_make_stateful_transformation(graph, dict(zip(past, present, strict=True)))
    # A fresh state is empty, with as many rows as the batch.
    shape = opset.shape_of(graph.input("input_ids"), output_type="i64")
    rows = opset.gather(shape, opset.constant([0]), opset.constant(0))
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            fixed = [dimension.min_length for dimension in node.get_output_partial_shape(0)]
            sizes = [opset.constant(np.array([size], dtype=np.int64)) for size in fixed]
            sizes[0] = rows
            zero = opset.constant(0.0, dtype=node.get_output_element_type(0))
            node.set_arguments([opset.broadcast(zero, opset.concat(sizes, axis=0))])
    graph.validate_nodes_and_infer_types()
