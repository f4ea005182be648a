"""Makes base and rows ready for training: tokenized, and read once by the frozen layers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metier.hardware import fastest_float
from metier.methods.tuning.layers import Activations, CausalModel, SplitDecoder
from metier.methods.tuning.mixture import mixture
from metier.methods.tuning.training import DevRows, Tuning, add_adapter
from metier.models.chat import ChatTokenizer
from metier.models.engines.scoring import Item
from metier.models.limits.labels import label_tree
from metier.models.names.resolve import resolve
from metier.models.quiet import quiet
from metier.protocols import FitContext
from metier.types import Conversation


class Workbench:
    """All that the trials of one rung share."""

    def __init__(self, context: FitContext, prompt_for: Callable[[str], Conversation]) -> None:
        """Read every text once through the layers that stay frozen."""
        self._context = context
        self._prompt_for = prompt_for
        directory = resolve(context.base)
        self._chat = ChatTokenizer(directory)
        self._model = load_base(directory)
        count: int = self._model.config.num_hidden_layers
        self._layers = min(int(context.settings["layers"]) or count, count)
        decoder = SplitDecoder(self._model, self._layers)
        asked, others = mixture(context)
        items = [self._item(row.text, (row.answer,), cut=row.cut) for row in asked]
        items += [self._laid_out(row.prompt, (row.answer,)) for row in others]
        decoder.check(decoder.lay_out(items[:2]))
        width: int = self._model.config.hidden_size
        self.rows = Activations(
            decoder, items, width=width, own=len(others), progress=context.progress
        )
        self.dev: DevRows | None = None
        if context.dev:
            labels = context.task.labels if context.task.kind == "classification" else ()
            dev_items = [self._item(row.input, labels or (row.target,)) for row in context.dev]
            truth = [labels.index(row.target) if labels else 0 for row in context.dev]
            self.dev = DevRows(
                Activations(decoder, dev_items, width=width, progress=context.progress),
                np.array(truth, dtype=np.int64),
            )

    @contextlib.contextmanager
    def fresh_adapter(self, rate: float) -> Iterator[tuple[CausalModel, Tuning]]:
        """The base with an untrained adapter, taken off again at the end."""
        settings = self._context.settings
        tuning = Tuning(
            rank=int(settings["rank"]),
            alpha=int(settings["alpha"]),
            dropout=float(settings["dropout"]),
            targets=tuple(settings["targets"]),
            layers=self._layers,
            epochs=int(settings["epochs"]),
            batch_size=int(settings["batch_size"]),
            learning_rate=rate,
            warmup=float(settings["warmup"]),
            weight_decay=float(settings["weight_decay"]),
            seed=self._context.seed,
        )
        adapted = add_adapter(self._model, tuning)
        try:
            yield adapted, tuning
        finally:
            adapted.unload()

    def _item(self, text: str, answers: tuple[str, ...], *, cut: bool = True) -> Item:
        task, settings = self._context.task, self._context.settings
        limit = min(task.max_input_tokens, int(settings["max_tokens"]))
        shown = self._chat.truncate(text, limit) if cut else text
        return self._laid_out(self._prompt_for(shown), answers)

    def _laid_out(self, prompt: Conversation, answers: tuple[str, ...]) -> Item:
        tree = label_tree([self._chat.answer(answer) for answer in answers])
        return Item(self._chat.prompt(prompt), tree)


def load_base(directory: Path) -> CausalModel:
    """The base's weights, all frozen, in the number format that this machine multiplies fastest."""
    from transformers import AutoModelForCausalLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with quiet():
        model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=fastest_float(device))
    return model.to(device).requires_grad_(False).eval()
