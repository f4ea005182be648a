"""Checks that weights are whole and that an adapter fits its base, before an engine reads them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from metier.errors import ModelFileError
from metier.types import Json

Shapes = Mapping[str, tuple[int, ...]]


def check_weights(directory: Path) -> None:
    """Raise ``ModelFileError`` unless the directory holds a config and whole safetensors files."""
    read_json(directory / "config.json")
    for file in weight_files(directory):
        safetensors_shapes(file)


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files of a model directory: one, or the shards that its index names."""
    single = directory / "model.safetensors"
    index = directory / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        names = sorted(set(read_json(index)["weight_map"].values()))
        return [directory / name for name in names]
    raise ModelFileError(
        f"{directory} has no model.safetensors; save the weights as safetensors "
        "(model.save_pretrained writes them)"
    )


def safetensors_shapes(file: Path) -> Shapes:
    """Names and shapes from a safetensors header, after checking that the file is whole."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > size:
                raise ValueError("the header is longer than the file")
            header = json.loads(stream.read(length))
        header.pop("__metadata__", None)
        end = 8 + length + max(entry["data_offsets"][1] for entry in header.values())
    except FileNotFoundError as error:
        raise ModelFileError(f"{file} is missing; fetch the model again") from error
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelFileError(
            f"{file} is no safetensors file or is damaged ({error}); fetch the model again"
        ) from error
    if size < end:
        raise ModelFileError(
            f"{file} is cut off: {size:,} of {end:,} bytes are there; fetch the model again"
        )
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def check_gguf(file: Path) -> None:
    """Raise ``ModelFileError`` unless the file begins as GGUF of a version that can be read."""
    with file.open("rb") as stream:
        head = stream.read(8)
    if head[:4] != b"GGUF":
        raise ModelFileError(f"{file} is no GGUF file: it begins with {head[:4]!r}")
    version = int.from_bytes(head[4:8], "little")
    if version not in (2, 3):
        raise ModelFileError(f"{file} is GGUF version {version}; versions 2 and 3 can be read")


def check_adapter(adapter: Path, base: Path, *, base_name: str) -> Json:
    """Raise ``ModelFileError`` unless the PEFT adapter fits the base; return its configuration.

    The shapes of the weights decide. Two bases of equal shape are told apart by name, when the
    adapter records a name rather than a path (a path says nothing on another machine).
    """
    config = read_json(adapter / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        raise ModelFileError(f"{adapter} is a {config.get('peft_type')} adapter; only LoRA is read")
    made_for = str(config.get("base_model_name_or_path") or "an unnamed base")
    mismatch = f"the adapter {adapter} was made for {made_for} and does not fit {base_name}"
    if not Path(made_for).is_absolute() and _short(made_for) not in (_short(base_name), base.name):
        raise ModelFileError(f"{mismatch}; train it on {base_name}, or ask for its own base")
    shapes = {
        name: shape
        for file in weight_files(base)
        for name, shape in safetensors_shapes(file).items()
    }
    for name, shape in safetensors_shapes(adapter / "adapter_model.safetensors").items():
        reason = _misfit(name, shape, shapes)
        if reason is None and not config.get("rank_pattern"):  # else ranks differ by module
            reason = _other_rank(name, shape, config.get("r"))
        if reason:
            raise ModelFileError(f"{mismatch}: {reason}")
    return config


def is_cross_encoder(directory: Path) -> bool:
    """Whether its configuration says that it gives one score for a text."""
    config = read_json(directory / "config.json")
    kinds = config.get("architectures") or [""]
    outputs = config.get("num_labels") or len(config.get("id2label") or {"0": "", "1": ""})
    return str(kinds[0]).endswith("ForSequenceClassification") and outputs == 1


def read_json(file: Path) -> Json:
    """Parse a JSON object of a model directory."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFileError(f"{file} is missing") from error
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{file} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{file} holds no JSON object")
    return value


def _short(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].lower()


def _misfit(name: str, shape: tuple[int, ...], base: Shapes) -> str | None:
    """Why one LoRA matrix does not fit: A is (rank, inputs), B is (outputs, rank)."""
    module, matrix, _ = name.removeprefix("base_model.model.").rpartition(".lora_")
    if not matrix or f"{module}.weight" not in base:
        return f"it changes {module or name}, which the base does not have"
    outputs, inputs = base[f"{module}.weight"]
    expected, found = (inputs, shape[1]) if name.endswith("A.weight") else (outputs, shape[0])
    if expected != found:
        return f"{module} has {found} where the base has {expected}"
    return None


def _other_rank(name: str, shape: tuple[int, ...], rank: Json) -> str | None:
    """Why one LoRA matrix is not of the adapter's configuration."""
    ranks = {"lora_A.weight": shape[0], "lora_B.weight": shape[-1]}
    found = next((size for end, size in ranks.items() if name.endswith(end)), rank)
    if found != rank:
        return f"its weights have rank {found}, its adapter_config.json says {rank}"
    return None
