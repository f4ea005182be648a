"""A conversation with a model, and what a specialist answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from metier.types.grounding import Grounding, GroundingChunk
from metier.types.plain import Json

Role = Literal["system", "user", "assistant"]
Engine = Literal["openvino", "transformers"]
"""What runs a local language model."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


Conversation = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class GenerateConfig:
    """How to continue a conversation. Greedy unless ``temperature`` is above 0."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    seed: int = 0
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """When given, the answer is exactly one of these."""
    json_schema: Mapping[str, Json] | None = None
    """When given, the answer is JSON that this schema accepts."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, or of a sum of requests."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """The part of ``prompt_tokens`` that a prefix cache supplied."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote."""

    text: str
    usage: Usage
    finish_reason: Literal["stop", "length"] = "stop"


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Natural-log likelihood of each label as the whole answer to one conversation."""

    log_likelihoods: tuple[float, ...]
    """One per label, in the order asked; summed over the label's tokens and the end of the turn."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class Answer:
    """What a specialist answered, with everything needed to check and to price it."""

    text: str
    usage: Usage = Usage()
    prompt: Conversation = ()
    """What the model was shown; empty for rungs without a prompt."""
    probabilities: Mapping[str, float] | None = None
    """Per label; sums to 1. None when the rung cannot say."""
    grounding: Grounding | None = None
    """None for rungs that look nothing up."""
    abstained: bool = False

    @property
    def cited(self) -> tuple[GroundingChunk, ...]:
        """The passages that the answer rests on."""
        return self.grounding.cited if self.grounding else ()
