"""A model in a role: asked in batches, each answer kept as it arrives, faults as values."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from metier.dataset.generate.text.sentences import well_formed
from metier.dataset.generate.writers.ledger import Ledger, request_key
from metier.errors import EndpointError
from metier.models.versions import weights_of
from metier.protocols import LanguageModel
from metier.types import Completion, Conversation, GenerateConfig, Usage

FAILURES_IN_A_ROW = 12
"""Requests without an answer, after the client's own retries, from which an endpoint is down."""

AT_ONCE = 16
"""Requests that an engine answers by the batch, which is what a kill can cost. On two cores more at
once write hardly more tokens a second."""


@runtime_checkable
class AnswersOneByOne(Protocol):
    """A model that gives each answer as it comes, and a request's fault as a value."""

    def generate_each(
        self, batch: Sequence[Conversation], config: GenerateConfig
    ) -> Iterator[tuple[int, Completion | EndpointError]]: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request."""

    text: str | None
    """None when no answer came; the request is asked again by the next run."""
    key: str
    """The request's address."""
    cut: bool = False
    """Whether the answer ran into its length."""


class Teacher:
    """One model, with what was asked of it and what that used."""

    def __init__(self, model: LanguageModel, ledger: Ledger) -> None:
        self.name = model.name
        self.asked = self.remembered = self.failed = 0
        self.usage = Usage()
        self.usage_before = Usage()
        """Of the answers that this dataset was given before a kill; they count against its budget,
        and so does the time that they took."""
        self.seconds_before = 0.0
        self._charged: set[str] = set()
        self._weights = weights_of(model.name)
        self._model = model
        self._ledger = ledger
        self._down = 0

    def ask(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Reply]:
        """One reply for each conversation; raises EndpointError when the endpoint is down."""
        keys = [self._key(conversation, config) for conversation in batch]
        open_places: dict[str, int] = {}
        for place, key in enumerate(keys):
            known = self._ledger.recall(key)
            if known is None:
                open_places.setdefault(key, place)
            else:
                self._charge(key, known)
        self.remembered += len(set(keys)) - len(open_places)
        places = list(open_places.values())
        since = time.monotonic()
        for place, completion in self._answers([batch[place] for place in places], config):
            now = time.monotonic()
            self._note(keys[places[place]], completion, now - since)
            since = now
        return [self._reply(key) for key in keys]

    def knows(self, conversation: Conversation, config: GenerateConfig) -> bool:
        """Whether this was answered before."""
        return self._ledger.recall(self._key(conversation, config)) is not None

    def _key(self, conversation: Conversation, config: GenerateConfig) -> str:
        return request_key(self.name, self._weights, conversation, config)

    def _charge(self, key: str, known: Completion) -> None:
        """Count a remembered answer against the budget, once, if this dataset had asked for it."""
        waited = self._ledger.waited(key)
        if waited is not None and key not in self._charged:
            self._charged.add(key)
            self.usage_before += known.usage
            self.seconds_before += waited

    def _reply(self, key: str) -> Reply:
        kept = self._ledger.recall(key)
        if kept is None:
            return Reply(None, key)
        return Reply(well_formed(kept.text), key, kept.finish_reason == "length")

    def _answers(
        self, batch: Sequence[Conversation], config: GenerateConfig
    ) -> Iterator[tuple[int, Completion | EndpointError]]:
        if not batch:
            return
        if isinstance(self._model, AnswersOneByOne):
            yield from self._model.generate_each(batch, config)
            return
        for start in range(0, len(batch), AT_ONCE):
            block = batch[start : start + AT_ONCE]
            yield from enumerate(self._model.generate(block, config), start)

    def _note(self, key: str, completion: Completion | EndpointError, seconds: float) -> None:
        if isinstance(completion, EndpointError):
            self.failed += 1
            self._down += 1
            if self._down >= FAILURES_IN_A_ROW:
                raise EndpointError(
                    f"{completion}; {self._down} requests in a row went unanswered. What was "
                    "answered is kept: run again when the endpoint is back"
                )
            return
        self._down = 0
        self.asked += 1
        self.usage += completion.usage
        self._charged.add(key)
        self._ledger.keep(key, completion, seconds)
