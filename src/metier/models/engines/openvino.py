"""The engine for processors: OpenVINO, reading and writing as the server does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from metier.models.chat import ChatTokenizer
from metier.models.engines.continuous import Continuous, Job
from metier.models.engines.decoding import Row
from metier.models.engines.forks import score_forks
from metier.models.engines.paged import PagedEngine, Precision
from metier.models.engines.scoring import Item, Scored


class OpenVinoEngine:
    """One model, its adapter merged: any that PEFT can merge, and no work for it at each token.

    What prompts begin with is read once within a call. Nothing stays known after it: the next call
    may be another tenant's, to whom usage and time would tell what was asked before.
    """

    def __init__(
        self, directory: Path, *, adapter: Path | None = None, precision: Precision = "auto"
    ) -> None:
        """Compile the model; the export from its safetensors is made once and kept."""
        self._paged = PagedEngine(directory, merged=adapter, precision=precision)

    @property
    def room(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._paged.tokens

    def grow(self, rows: Sequence[Row], chat: ChatTokenizer) -> Iterator[None]:
        """Grow all rows to their end; yields after every pass."""
        with self._forgetting(), closing(Continuous(self._paged, chat)) as batch:
            for row in sorted(rows, key=lambda row: row.prompt):  # what begins alike, together
                batch.add(Job(row))
            while batch.jobs:
                batch.step()
                yield

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """Log probabilities of every item's answers."""
        with self._forgetting():
            return score_forks(self._paged, items)

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._paged.blocks.forget()
