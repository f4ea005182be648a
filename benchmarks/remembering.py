"""Models that keep what they were asked, so that draws share the vectors and scores of a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metier import serial
from metier.protocols import Embedder, LanguageModel, Models, Reranker
from metier.store import Project
from metier.types import (
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    LabelScores,
    content_hash,
)


class RememberingModels:
    """Stands before other models; asks them only what was never asked in this project folder."""

    def __init__(self, models: Models, project: Project) -> None:
        self._models = models
        self._project = project

    def language_model(self, name: str, *, adapter: Path | None = None) -> LanguageModel:
        """Known by the adapter's content: a blend's copy of a member is the same model."""
        weights = None if adapter is None else (adapter / "adapter_model.safetensors").read_bytes()
        key = content_hash([name, None if weights is None else weights.hex()])
        return _LanguageModel(
            lambda: self._models.language_model(name, adapter=adapter), self._project, key
        )

    def embedder(self, name: str, *, adapter: Path | None = None) -> Embedder:
        """Keeps one vector a text."""
        return _Embedder(self._models.embedder(name, adapter=adapter), self._project)

    def cross_encoder(self, name: str) -> Reranker | None:
        """As it is: no benchmark asks one twice."""
        return self._models.cross_encoder(name)


class _Embedder:
    def __init__(self, embedder: Embedder, project: Project) -> None:
        self._embedder = embedder
        self._kept = _Kept(project, f"vectors-{embedder.name}")

    @property
    def name(self) -> str:
        return self._embedder.name

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        def ask(places: Sequence[int]) -> list[Json]:
            vectors = self._embedder.embed([texts[place] for place in places])
            return [vector.tolist() for vector in vectors]

        return np.array(self._kept.all([content_hash(text) for text in texts], ask), np.float32)


class _LanguageModel:
    """Remembers label scores; the model itself is loaded when something new is asked."""

    def __init__(self, load: Callable[[], LanguageModel], project: Project, key: str) -> None:
        self._load = load
        self._project = project
        self._key = key

    @property
    def name(self) -> str:
        return self._load().name

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        def ask(places: Sequence[int]) -> list[Json]:
            scored = self._load().score_labels([batch[place] for place in places], labels)
            return [serial.to_json(one) for one in scored]

        kept = _Kept(self._project, f"scores-{self._key}-{content_hash(list(labels))}")
        keys = [content_hash(serial.to_json(conversation)) for conversation in batch]
        return [serial.from_json(LabelScores, one) for one in kept.all(keys, ask)]

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        return self._load().generate(batch, config)

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        return self._load().loglikelihood(batch)

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]:
        return self._load().stream(conversation, config)

    def count_tokens(self, text: str) -> int:
        return self._load().count_tokens(text)

    def truncate(self, text: str, max_tokens: int) -> str:
        return self._load().truncate(text, max_tokens)


class _Kept:
    """Answers by key, in memory and in the project's ledger."""

    def __init__(self, project: Project, step: str) -> None:
        self._project = project
        self._step = step
        self._answers: dict[str, Json] = project.items(step)

    def all(
        self, keys: Sequence[str], ask: Callable[[Sequence[int]], Sequence[Json]]
    ) -> list[Json]:
        """The answer to every key; ``ask`` gets the places of those that are not known."""
        places = {key: place for place, key in enumerate(keys) if key not in self._answers}
        if places:
            new: Mapping[str, Json] = dict(zip(places, ask(list(places.values())), strict=True))
            self._project.add_items(self._step, new)
            self._answers.update(new)
        return [self._answers[key] for key in keys]
