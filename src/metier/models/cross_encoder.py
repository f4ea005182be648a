"""Pairs of question and passage to relevance with a cross-encoder, read as one text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metier.errors import ModelFileError
from metier.models.quiet import quiet
from metier.models.weights import check_weights, is_cross_encoder

_BATCH = 16


class CrossEncoder:
    """A sequence classifier with one output, as sentence-transformers trains them."""

    def __init__(self, directory: Path, *, name: str | None = None) -> None:
        """Load from a directory in the hub's layout.

        Raises ``ModelFileError`` for a model that has no such output.
        """
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        check_weights(directory)
        self.name = name or directory.name
        if not is_cross_encoder(directory):
            raise ModelFileError(f"{self.name} is no cross-encoder: it gives no single score")
        with quiet():
            self._tokenizer: Any = AutoTokenizer.from_pretrained(directory)
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(directory).eval()

    def relevance(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """The model's score of each (question, passage); a passage too long is cut at its end."""
        import torch

        # Pairs of like length together: little is padding.
        order = sorted(range(len(batch)), key=lambda row: len(batch[row][1]))
        scores = [0.0] * len(batch)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            read = self._tokenizer(
                [batch[row][0] for row in rows],
                [batch[row][1] for row in rows],
                padding=True,
                truncation="longest_first",
                max_length=min(512, self._tokenizer.model_max_length),
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits = self._model(**read).logits[:, 0].float().tolist()
            for row, score in zip(rows, logits, strict=True):
                scores[row] = score
        return scores
