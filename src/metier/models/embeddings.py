"""Texts to unit vectors with a sentence encoder; long texts are read whole, in windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metier.models.quiet import quiet
from metier.models.weights import check_weights, read_json

if TYPE_CHECKING:
    import torch

TOKENS_PER_PASS = 8192


class SentenceEmbedder:
    """A BERT-like encoder with mean pooling, such as all-MiniLM-L6-v2."""

    def __init__(self, directory: Path, *, name: str | None = None) -> None:
        """Load from a directory in the layout of sentence-transformers."""
        from transformers import AutoModel, AutoTokenizer

        check_weights(directory)
        self._name = name or directory.name
        self._window = _window(directory)
        with quiet():
            self._tokenizer: Any = AutoTokenizer.from_pretrained(directory)
            self._model: Any = AutoModel.from_pretrained(directory, dtype=_precision()).eval()

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._name

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, dimensions), rows of length 1.

        A text longer than the encoder's window is cut into windows, and their vectors are
        averaged, weighted by their tokens: what stands at its end counts as much as its beginning.
        """
        owners: list[int] = []
        windows: list[list[int]] = []
        for place, text in enumerate(texts):
            for window in self._windows(text):
                owners.append(place)
                windows.append(window)
        vectors = np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float64)
        for rows in _passes(windows):
            means = self._encode([windows[row] for row in rows])
            for row, mean in zip(rows, means, strict=True):
                vectors[owners[row]] += mean * len(windows[row])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        return unit

    def _windows(self, text: str) -> Iterator[list[int]]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False, verbose=False)
        room = self._window - 2
        for start in range(0, max(1, len(tokens)), room):
            part = tokens[start : start + room]
            yield [self._tokenizer.cls_token_id, *part, self._tokenizer.sep_token_id]

    def _encode(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        import torch

        width = max(len(window) for window in windows)
        ids = torch.full((len(windows), width), int(self._tokenizer.pad_token_id))
        mask = torch.zeros((len(windows), width), dtype=torch.long)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.tensor(window)
            mask[row, : len(window)] = 1
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask[:, :, None].float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return (mean / mean.norm(dim=1, keepdim=True)).double().numpy()  # type: ignore[no-any-return]


def _passes(windows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Windows of similar length together, so that little is padding."""
    order = sorted(range(len(windows)), key=lambda row: -len(windows[row]))
    start = 0
    while start < len(order):
        count = max(1, TOKENS_PER_PASS // len(windows[order[start]]))
        yield order[start : start + count]
        start += count


def _window(directory: Path) -> int:
    """Tokens at once: sentence-transformers' own limit, not the one the positions would allow."""
    file = directory / "sentence_bert_config.json"
    if file.is_file():
        return int(read_json(file)["max_seq_length"])
    return int(read_json(directory / "config.json")["max_position_embeddings"])


def _precision() -> torch.dtype:
    import torch

    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32
