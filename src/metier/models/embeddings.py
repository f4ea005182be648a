"""Texts to unit vectors with a sentence encoder; long texts are read whole, in windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.hardware import fastest_float
from metier.models.fingerprints import file_fingerprint
from metier.models.quiet import quiet
from metier.models.weights import check_adapter, check_weights, read_json
from metier.types import TokenVectors

TOKENS_PER_PASS = 1024
"""What stays in a CPU's cache: 8,192 tokens at once take a quarter longer."""
MOST_WINDOWS = 64
"""Of one text. The mean of so many hardly changes with more, and a book among the documents would
else be read for hours."""


class SentenceEmbedder:
    """A BERT-like encoder with mean pooling, such as all-MiniLM-L6-v2."""

    def __init__(
        self, directory: Path, *, name: str | None = None, adapter: Path | None = None
    ) -> None:
        """Load from a directory in the layout of sentence-transformers.

        ``adapter`` is a LoRA directory in PEFT's layout; it is merged into the weights, so it
        costs nothing afterwards. ``ModelFileError`` when it was made for other weights.
        """
        from transformers import AutoModel, AutoTokenizer

        check_weights(directory)
        self._name = name or directory.name
        self._window = window_of(directory)
        with quiet():
            self._tokenizer: Any = AutoTokenizer.from_pretrained(directory)
            model: Any = AutoModel.from_pretrained(directory, dtype=fastest_float())
            if adapter is not None:
                from peft import PeftModel

                check_adapter(adapter, directory, base_name=self._name)
                model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
                self._name += f"+{file_fingerprint(adapter / 'adapter_model.safetensors')}"
            self._model: Any = model.eval()

    @property
    def name(self) -> str:
        """The name it was asked for by, with the fingerprint of its adapter."""
        return self._name

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, dimensions), rows of length 1.

        A text longer than the encoder's window is cut into windows, and their vectors are
        averaged, weighted by their tokens: what stands at its end counts as much as its beginning.
        Of a text with more than 64 windows (some 80,000 characters), 64 spread over it are read.
        """
        return self._embed(texts, keep=lambda owner, hidden: None)

    def count_tokens(self, text: str) -> int:
        """As the encoder reads them, without the marks around each window."""
        return len(self._tokens(text))

    def embed_tokens(self, texts: Sequence[str]) -> TokenVectors:
        """The same vectors, and those of the tokens without the marks around each window."""
        tokens: list[list[NDArray[np.float32]]] = [[] for _ in texts]

        def keep(owner: int, hidden: NDArray[np.float32]) -> None:
            inner = hidden[1:-1]
            tokens[owner].append(inner / np.linalg.norm(inner, axis=1, keepdims=True))

        vectors = self._embed(texts, keep=keep)
        return TokenVectors(vectors, tuple(np.concatenate(parts) for parts in tokens))

    def _embed(
        self, texts: Sequence[str], *, keep: Callable[[int, NDArray[np.float32]], None]
    ) -> NDArray[np.float32]:
        """``keep`` is given each window's owner and states, a text's windows in no fixed order."""
        owners: list[int] = []
        windows: list[list[int]] = []
        for place, text in enumerate(texts):
            for window in self._windows(text):
                owners.append(place)
                windows.append(window)
        vectors = np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float64)
        for rows in _passes(windows):
            states = self._encode([windows[row] for row in rows])
            for row, hidden in zip(rows, states, strict=True):
                mean = hidden.mean(axis=0, dtype=np.float64)
                vectors[owners[row]] += mean / np.linalg.norm(mean) * len(hidden)
                keep(owners[row], hidden)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        return unit

    def _windows(self, text: str) -> Iterator[list[int]]:
        tokens = self._tokens(text)
        room = self._window - 2
        for start in _starts(len(tokens), room):
            part = tokens[start : start + room]
            yield [self._tokenizer.cls_token_id, *part, self._tokenizer.sep_token_id]

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False, verbose=False)
        return tokens

    def _encode(self, windows: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """The last layer's states of each window's tokens, without padding."""
        import torch

        width = max(len(window) for window in windows)
        ids = torch.full((len(windows), width), int(self._tokenizer.pad_token_id))
        mask = torch.zeros((len(windows), width), dtype=torch.long)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.tensor(window)
            mask[row, : len(window)] = 1
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        states: NDArray[np.float32] = hidden.float().numpy()
        return [state[: len(window)] for state, window in zip(states, windows, strict=True)]


def _starts(tokens: int, room: int) -> list[int]:
    """Where a text's windows begin: every ``room`` tokens, or as many as are read of a long one."""
    count = max(1, -(-tokens // room))
    read = min(count, MOST_WINDOWS)
    return [place * count // read * room for place in range(read)]


def _passes(windows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Windows of similar length together, so that little is padding."""
    order = sorted(range(len(windows)), key=lambda row: -len(windows[row]))
    start = 0
    while start < len(order):
        count = max(1, TOKENS_PER_PASS // len(windows[order[start]]))
        yield order[start : start + count]
        start += count


def window_of(directory: Path) -> int:
    """Tokens at once: sentence-transformers' own limit, not the one the positions would allow."""
    file = directory / "sentence_bert_config.json"
    if file.is_file():
        return int(read_json(file)["max_seq_length"])
    return int(read_json(directory / "config.json")["max_position_embeddings"])
