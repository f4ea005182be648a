"""Models by name, each loaded once; the least recently used is dropped when there are many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

from metier.models.resolve import resolve
from metier.protocols import Embedder, LanguageModel

Engine = Literal["openvino", "transformers"]
Key = TypeVar("Key")
Loaded = TypeVar("Loaded")


class LocalModels:
    """The models of one process."""

    def __init__(
        self, engine: Engine = "openvino", *, keep: int = 4, download: bool = False
    ) -> None:
        """``keep`` models stay in memory; ``download`` lets names be fetched from the hub."""
        self._engine = engine
        self._keep = keep
        self._download = download
        self._language: OrderedDict[tuple[str, Path | None], LanguageModel] = OrderedDict()
        self._embedders: OrderedDict[str, Embedder] = OrderedDict()

    def language_model(self, name: str, *, adapter: Path | None = None) -> LanguageModel:
        """The model of this name, with a LoRA adapter in PEFT's layout when one is given."""
        key = (name, None if adapter is None else adapter.absolute())
        return self._once(self._language, key, lambda: self._load(name, adapter))

    def embedder(self, name: str) -> Embedder:
        """The embedder of this name."""

        def load() -> Embedder:
            from metier.models.embeddings import SentenceEmbedder

            return SentenceEmbedder(resolve(name, download=self._download), name=name)

        return self._once(self._embedders, name, load)

    def _load(self, name: str, adapter: Path | None) -> LanguageModel:
        directory = resolve(name, download=self._download)
        from metier.models.transformers import TransformersModel

        return TransformersModel(directory, name=name, adapter=adapter)

    def _once(self, kept: OrderedDict[Key, Loaded], key: Key, load: Callable[[], Loaded]) -> Loaded:
        if key not in kept:
            while len(kept) >= self._keep:
                kept.popitem(last=False)
            kept[key] = load()
        kept.move_to_end(key)
        return kept[key]
