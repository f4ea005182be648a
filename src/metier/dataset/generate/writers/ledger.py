"""Answers of models, kept from the moment they arrive, so that nothing is asked twice."""

from __future__ import annotations

from typing import Protocol

from metier import serial
from metier.store import Project
from metier.types import Completion, Conversation, GenerateConfig, content_hash

STEP = "generate-requests"
"""One drawer for the whole project: the same request of another run or recipe is known too."""


class Ledger(Protocol):
    """Remembers completions by the request that they answer."""

    def recall(self, key: str) -> Completion | None: ...
    def keep(self, key: str, completion: Completion, seconds: float = 0.0) -> None: ...
    def waited(self, key: str) -> float | None:
        """Seconds that this dataset waited for the answer; None when it was another's."""
        ...


class MemoryLedger:
    """Remembers as long as the process lives."""

    def __init__(self) -> None:
        self._kept: dict[str, Completion] = {}
        self._waited: dict[str, float] = {}

    def recall(self, key: str) -> Completion | None:
        """The completion of this request, if it was answered before."""
        return self._kept.get(key)

    def keep(self, key: str, completion: Completion, seconds: float = 0.0) -> None:
        """Remember an answer."""
        self._kept[key] = completion
        self._waited[key] = seconds

    def waited(self, key: str) -> float | None:
        """Seconds that its answer took."""
        return self._waited.get(key)


class ProjectLedger:
    """Remembers in the project folder's ledger; survives a kill from the moment it is told.

    ``dataset`` names what the answers are for. All of the project's are remembered; those that
    were asked for this dataset count against its budgets, however often it was killed.
    """

    def __init__(self, project: Project, dataset: str = "") -> None:
        self._project = project
        self._kept = project.items(STEP)
        self._own = f"{STEP}/{dataset}"
        self._waited = project.items(self._own)

    def recall(self, key: str) -> Completion | None:
        """The completion of this request, if it was answered before."""
        value = self._kept.get(key)
        return None if value is None else serial.from_json(Completion, value)

    def keep(self, key: str, completion: Completion, seconds: float = 0.0) -> None:
        """Remember an answer."""
        value = serial.to_json(completion)
        self._kept[key], self._waited[key] = value, seconds
        self._project.add_items(STEP, {key: value})
        self._project.add_items(self._own, {key: seconds})

    def waited(self, key: str) -> float | None:
        """Seconds that this dataset waited for the answer; None when it was another's."""
        return self._waited.get(key)


def request_key(
    model: str, weights: str | None, conversation: Conversation, config: GenerateConfig
) -> str:
    """The address of a request: who was asked what, and how.

    ``weights`` is their fingerprint, for others under the same name answer otherwise; None where
    the name is all that is known.
    """
    said = [[message.role, message.content] for message in conversation]
    who = model if weights is None else [model, weights]
    return content_hash([who, said, serial.to_json(config)])
