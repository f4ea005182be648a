"""From a model's name to what writes for it; the processes that this takes are started here."""

from __future__ import annotations

import secrets
from pathlib import Path

from metier.models.engines.openai import OpenAIModel
from metier.models.names.resolve import resolve
from metier.protocols import Models
from metier.serving.engines.batcher import Batcher, Crowd
from metier.serving.engines.process import ContinuousWriter, EngineProcess
from metier.serving.engines.remote import RemoteWriter
from metier.serving.engines.upstream import Upstream
from metier.serving.engines.worker import Opening
from metier.serving.engines.writers import PlainWriter
from metier.serving.engines.writing import Writer
from metier.types import Engine


class Engines:
    """What is running; more is started when a name needs it."""

    def __init__(
        self,
        models: Models,
        batcher: Batcher,
        *,
        engine: Engine,
        cache_tokens: int,
        upstream: Upstream | None = None,
    ) -> None:
        self.running: list[EngineProcess | Upstream] = [] if upstream is None else [upstream]
        self._models = models
        self._batcher = batcher
        self._remote = Crowd()
        self._secret = secrets.token_bytes(32)
        self._engine = engine
        self._cache_tokens = cache_tokens
        self._upstream = upstream
        self._processes: dict[str, EngineProcess] = {}

    def writer(self, name: str, adapter: Path | None) -> Writer:
        """For a model, or an adapter on it."""
        if name.startswith("openai:"):
            if self._upstream is not None and adapter is not None:
                name = f"openai:{self._upstream.adapter(adapter)}@{self._upstream.name}"
                adapter = None
            model = self._models.language_model(name, adapter=adapter)
            if isinstance(model, OpenAIModel):
                return RemoteWriter(model, self._remote, self._secret)
            return PlainWriter(model, self._batcher)
        if self._engine != "openvino":
            return PlainWriter(self._models.language_model(name, adapter=adapter), self._batcher)
        if name not in self._processes:
            opening = Opening(resolve(name), name, self._cache_tokens)
            self._processes[name] = EngineProcess(opening)
            self.running.append(self._processes[name])
        return ContinuousWriter(self._processes[name], adapter)

    def forget(self, adapter: Path) -> None:
        """Nobody will ask for this adapter again."""
        for engine in self.running:
            engine.forget(adapter)

    def close(self) -> None:
        """End whatever is running."""
        for engine in self.running:
            engine.close()
