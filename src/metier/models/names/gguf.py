"""A GGUF file turned into a directory of safetensors and tokenizer that every engine reads."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metier.errors import MissingExtraError, ModelFileError
from metier.models.chat import FastTokenizer
from metier.models.quiet import quiet
from metier.models.weights import check_gguf

ByteTokenizer = Any
"""Of the package tokenizers, which is imported late."""
GgufTensor = Any
"""A tensor's header as the package gguf reads it."""

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS: Mapping[str, str | None] = {
    # How each family cuts text before merging bytes; the key is GGUF's ``tokenizer.ggml.pre``.
    "smollm": None,
    "gpt-2": None,
    "default": None,
    "qwen2": rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}|{_REST}",
    "llama-bpe": rf"{_CONTRACTIONS}|{_LETTERS}|\p{{N}}{{1,3}}|{_REST}",
}


def convert_gguf(file: Path, directory: Path) -> None:
    """Write config, fp16 weights and tokenizer of ``file`` into ``directory``.

    Halves keep the dequantised 4-bit weights to 11 bits, where bf16 would keep 8; every engine
    starts from the same file. Raises ``ModelFileError`` for damaged files and for architectures
    that transformers cannot read from GGUF.
    """
    check_gguf(file)
    try:
        import gguf
        import torch

        transformers: Any = importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtraError(f"reading the GGUF file {file.name}", "models") from error
    try:
        reader: Any = gguf.GGUFReader(file)
        _check_whole(file, reader.tensors)
        fields = {key: field.contents() for key, field in reader.fields.items()}
        with quiet():
            model = transformers.AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.float32, **_dequantised()
            )
    except (ValueError, IndexError, KeyError, OSError, RuntimeError) as error:
        raise ModelFileError(
            f"{file} cannot be read as GGUF: {error}; fetch it again, "
            "or use the model's safetensors directory"
        ) from error
    tokenizer = _tokenizer(fields, file)
    end = tokenizer.eos_token_id
    model.generation_config.update(eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
    model.config.update({"_name_or_path": file.stem})
    with quiet():
        model.to(torch.float16).save_pretrained(directory)
        tokenizer.save_pretrained(directory)
    (directory / "metier.json").write_text(
        json.dumps({"format": 1, "made_from": file.name, "bytes": file.stat().st_size})
    )


def _check_whole(file: Path, tensors: Sequence[GgufTensor]) -> None:
    end = max(int(tensor.data_offset + tensor.n_bytes) for tensor in tensors)
    if file.stat().st_size < end:
        raise ValueError(f"cut off: {file.stat().st_size:,} of {end:,} bytes are there")


def _dequantised() -> dict[str, Any]:
    """Newer transformers keep the weights quantised, unfit to save or tune, unless told."""
    config = getattr(importlib.import_module("transformers"), "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(dequantize=True)}


def _tokenizer(fields: Mapping[str, Any], file: Path) -> FastTokenizer:
    """Build the tokenizer from the header.

    transformers 5 guesses the tokenizer's class from the architecture: it makes CodeLlama's of
    SmolLM2's, which adds five tokens beyond the vocabulary, begins every text with
    ``<|im_start|>`` and has the wrong end of turn. So byte-level BPE is built here.
    """
    transformers: Any = importlib.import_module("transformers")
    before = fields.get("tokenizer.ggml.pre", "default")
    if fields.get("tokenizer.ggml.model") != "gpt2" or before not in SPLITS:
        loaded: FastTokenizer = transformers.AutoTokenizer.from_pretrained(
            file.parent, gguf_file=file.name
        )
        return loaded
    tokens: list[str] = fields["tokenizer.ggml.tokens"]

    def special(kind: str) -> str | None:
        token = fields.get(f"tokenizer.ggml.{kind}_token_id")
        return None if token is None else tokens[token]

    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=_byte_level(fields, before),
        bos_token=special("bos"),
        eos_token=special("eos"),
        unk_token=special("unknown"),
        pad_token=special("padding") or special("eos"),
        chat_template=fields.get("tokenizer.chat_template"),
        model_max_length=int(fields[f"{fields['general.architecture']}.context_length"]),
        clean_up_tokenization_spaces=False,
    )


def _byte_level(fields: Mapping[str, Any], before: str) -> ByteTokenizer:
    tokenizers: Any = importlib.import_module("tokenizers")
    pre_tokenizers = tokenizers.pre_tokenizers

    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"]]
    model = tokenizers.models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges)
    tokenizer = tokenizers.Tokenizer(model)
    pattern = SPLITS[before]
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    if pattern is not None:
        first = pre_tokenizers.Split(tokenizers.Regex(pattern), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, bytes_only])
    elif before == "smollm":
        digits = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, bytes_only])
    else:
        tokenizer.pre_tokenizer = bytes_only
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    control = 3  # GGUF's type of tokens that never arise from text
    kinds = fields.get("tokenizer.ggml.token_type", [])
    marked = [token for token, kind in zip(tokens, kinds, strict=False) if kind == control]
    tokenizer.add_special_tokens([tokenizers.AddedToken(token, special=True) for token in marked])
    return tokenizer
