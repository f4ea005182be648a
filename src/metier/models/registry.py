"""Models by name, each loaded once; the least recently used is dropped when there are many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from metier.errors import ModelFileError
from metier.models.names.resolve import resolve
from metier.models.weights import check_adapter, check_weights, is_cross_encoder
from metier.protocols import Embedder, LanguageModel, Reranker

if TYPE_CHECKING:
    from metier.models.engines.local import LocalModel

Engine = Literal["openvino", "transformers"]
Key = TypeVar("Key")
Loaded = TypeVar("Loaded")


def local_model(
    directory: Path,
    *,
    name: str | None = None,
    adapter: Path | None = None,
    engine: Engine = "openvino",
    precision: Literal["auto", "float32"] = "auto",
) -> LocalModel:
    """Load a model directory that ``resolve`` gave, with an optional LoRA adapter.

    Raises ``ModelFileError`` when the weights are damaged or the adapter is for another base.
    """
    from metier.models.engines.local import LocalModel

    known_as = name or directory.name
    check_weights(directory)
    if adapter is not None:
        check_adapter(adapter, directory, base_name=known_as)
    if engine == "openvino":
        from metier.models.engines.openvino import OpenVinoEngine

        fast = OpenVinoEngine(directory, adapter=adapter, precision=precision)
        return LocalModel(known_as, directory, fast)
    from metier.models.engines.transformers import TransformersEngine

    reference = TransformersEngine(directory, adapter=adapter, precision=precision)
    return LocalModel(known_as, directory, reference)


class LocalModels:
    """The models of one process."""

    def __init__(
        self,
        engine: Engine = "openvino",
        *,
        keep: int = 4,
        download: bool = False,
        timeout: float = 120.0,
        retries: int = 6,
    ) -> None:
        """``keep`` models stay in memory; ``download`` lets names be fetched from the hub.

        A remote model is asked again ``retries`` times, each after ``timeout`` seconds at most.
        """
        self._timeout = timeout
        self._retries = retries
        self._engine = engine
        self._keep = keep
        self._download = download
        self._language: OrderedDict[tuple[str, Path | None], LanguageModel] = OrderedDict()
        self._embedders: OrderedDict[tuple[str, Path | None], Embedder] = OrderedDict()
        self._cross_encoders: OrderedDict[str, Reranker] = OrderedDict()

    def language_model(self, name: str, *, adapter: Path | None = None) -> LanguageModel:
        """The model of this name, with a LoRA adapter in PEFT's layout when one is given."""
        key = (name, None if adapter is None else adapter.absolute())
        return self._once(self._language, key, lambda: self._load(name, adapter))

    def embedder(self, name: str, *, adapter: Path | None = None) -> Embedder:
        """The embedder of this name, with an adapter that was tuned on documents."""
        key = (name, None if adapter is None else adapter.absolute())

        def load() -> Embedder:
            from metier.models.embeddings import SentenceEmbedder

            directory = resolve(name, download=self._download)
            return SentenceEmbedder(directory, name=name, adapter=adapter)

        return self._once(self._embedders, key, load)

    def cross_encoder(self, name: str) -> Reranker | None:
        """The cross-encoder of this name; None when it is another kind of model."""
        if name.startswith("openai:"):
            return None
        directory = resolve(name, download=self._download)
        if not is_cross_encoder(directory):
            return None

        def load() -> Reranker:
            from metier.models.cross_encoder import CrossEncoder

            return CrossEncoder(directory, name=name)

        return self._once(self._cross_encoders, name, load)

    def _load(self, name: str, adapter: Path | None) -> LanguageModel:
        if name.startswith("openai:"):
            from metier.models.engines.openai import OpenAIModel

            if adapter is not None:
                raise ModelFileError(
                    f"{name} runs elsewhere and cannot load the adapter {adapter}; "
                    "serve the adapter there and ask for it by its model name"
                )
            return OpenAIModel.named(name, timeout=self._timeout, retries=self._retries)
        directory = resolve(name, download=self._download)
        return local_model(directory, name=name, adapter=adapter, engine=self._engine)

    def _once(self, kept: OrderedDict[Key, Loaded], key: Key, load: Callable[[], Loaded]) -> Loaded:
        if key not in kept:
            while len(kept) >= self._keep:
                kept.popitem(last=False)
            kept[key] = load()
        kept.move_to_end(key)
        return kept[key]
