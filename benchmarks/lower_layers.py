"""A tuned model that keeps on disk what its frozen lower layers made of each prompt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from metier.methods.tuning.layers import SplitDecoder, lay_out
from metier.models.engines.local import LocalModel
from metier.models.engines.scoring import Item
from metier.models.engines.transformers import TransformersEngine
from metier.models.limits.labels import label_tree
from metier.models.names.resolve import resolve
from metier.models.registry import LocalModels
from metier.models.weights import read_json
from metier.protocols import Embedder, LanguageModel, Reranker
from metier.types import Conversation, LabelScores, Usage, content_hash


class SharedLowerLayers:
    """Models of the engine "transformers" whose adapters share what lies below them."""

    def __init__(self, folder: Path) -> None:
        self._models = LocalModels("transformers")
        self._tuned = lru_cache(maxsize=2)(partial(_tuned, folder))

    def language_model(self, name: str, *, adapter: Path | None = None) -> LanguageModel:
        """The base itself, or a tuned one; the last two stay in memory."""
        if adapter is None:
            return self._models.language_model(name)
        return self._tuned(name, adapter)

    def embedder(self, name: str, *, adapter: Path | None = None) -> Embedder:
        """As it is."""
        return self._models.embedder(name, adapter=adapter)

    def cross_encoder(self, name: str) -> Reranker | None:
        """As it is."""
        return self._models.cross_encoder(name)


class LowerLayersKept(LocalModel):
    """Scores labels as its parent does, to rounding.

    The adapters of several draws are asked the same test items; what lies below the adapter, two
    thirds of a pass at 10 layers of 30, is the same for all of them and computed once.
    """

    def __init__(self, name: str, *, adapter: Path, folder: Path) -> None:
        """``folder`` gets a file for each prompt that is read."""
        directory = resolve(name)
        engine = TransformersEngine(directory, adapter=adapter)
        super().__init__(name, directory, engine)
        tuned = read_json(adapter / "adapter_config.json")["layers_to_transform"]
        self._decoder = SplitDecoder(engine.model.get_base_model(), len(tuned))
        self._folder = folder / f"{name}-{len(tuned)}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """Natural-log likelihood of every label for every conversation."""
        tree = label_tree([self._chat.answer(label) for label in labels])
        items = [Item(self._chat.prompt(conversation), tree) for conversation in batch]
        with torch.no_grad():
            laid_out = self._decoder.lay_out(items)
            steps = self._decoder.above(laid_out, self._below(items))
        sums = torch.zeros(len(items) * len(labels), dtype=torch.float64)
        sums.index_add_(0, laid_out.paths, steps.double())
        return [
            LabelScores(tuple(row), Usage(len(item.prompt), len(tree.tokens)))
            for item, row in zip(items, sums.view(len(items), -1).tolist(), strict=True)
        ]

    def _below(self, items: Sequence[Item]) -> torch.Tensor:
        paths = [self._folder / f"{content_hash(_tokens(item))}.npy" for item in items]
        new = [place for place, path in enumerate(paths) if not path.is_file()]
        if new:
            missing = [items[place] for place in new]
            made = self._decoder.below(lay_out(missing)).numpy()
            for place, item, row in zip(new, missing, made, strict=True):
                np.save(paths[place], row[: len(_tokens(item))])
        rows = [torch.from_numpy(np.load(path)) for path in paths]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _tuned(folder: Path, name: str, adapter: Path) -> LanguageModel:
    return LowerLayersKept(name, adapter=adapter, folder=folder)


def _tokens(item: Item) -> list[int]:
    return [*item.prompt, *item.tree.tokens]
