"""A language model without weights, for tests: fast, deterministic, true to the contract."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metier.types import (
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    LabelScores,
    Usage,
    content_hash,
)

WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven")


class FakeModel:
    """Answers from a table, else with words that depend on the conversation alone.

    Its tokens are words. ``replies`` maps the last message to the answer; what is in the table is
    also what ``score_labels`` finds likeliest.
    """

    def __init__(self, replies: Mapping[str, str] | None = None, name: str = "fake") -> None:
        self._replies = dict(replies or {})
        self._name = name

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Answer every conversation."""
        return [self._answer(conversation, config) for conversation in batch]

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]:
        """Yield the text that ``generate`` gives, word by word."""
        text = self._answer(conversation, config).text
        for place, word in enumerate(text.split(" ")):
            yield word if place == 0 else f" {word}"

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log; likelier when it is the answer that ``generate`` gives."""
        return [self._log(conversation, text) for conversation, text in batch]

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """``loglikelihood`` of every label for every conversation."""
        return [
            LabelScores(
                tuple(self._log(conversation, label) for label in labels),
                Usage(self._length(conversation), sum(map(self.count_tokens, labels))),
            )
            for conversation in batch
        ]

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())

    def truncate(self, text: str, max_tokens: int) -> str:
        """The first ``max_tokens`` words, with the white space between them."""
        words = 0
        for place, character in enumerate(text):
            if not character.isspace() and (place == 0 or text[place - 1].isspace()):
                words += 1
                if words > max_tokens:
                    return text[:place].rstrip()
        return text

    def _length(self, conversation: Conversation) -> int:
        return sum(self.count_tokens(message.content) for message in conversation)

    def _random(self, conversation: Conversation, *more: Json) -> random.Random:
        said = [[message.role, message.content] for message in conversation]
        return random.Random(content_hash([said, *more]))

    def _log(self, conversation: Conversation, text: str) -> float:
        if self._replies.get(conversation[-1].content) == text:
            return -0.1
        return math.log(self._random(conversation, text).uniform(1e-6, 0.5)) - 1

    def _answer(self, conversation: Conversation, config: GenerateConfig) -> Completion:
        seed = config.seed if config.temperature > 0 else 0
        chance = self._random(conversation, seed)
        text = self._replies.get(conversation[-1].content)
        if config.choices:
            if text not in config.choices:
                logs = [self._log(conversation, choice) for choice in config.choices]
                text = config.choices[int(np.argmax(logs))]
        elif config.json_schema is not None:
            text = json.dumps(_instance(config.json_schema))
        elif text is None:
            text = " ".join(chance.choices(WORDS, k=chance.randint(3, 12)))
        cuts = [cut for stop in config.stop if (cut := text.find(stop)) >= 0]
        bound = bool(config.choices) or config.json_schema is not None
        kept = text[: min(cuts)] if cuts and not bound else text
        short = kept if bound else self.truncate(kept, config.max_new_tokens)
        usage = Usage(self._length(conversation), self.count_tokens(short) + 1)
        return Completion(short, usage, "stop" if short == kept else "length")


class FakeEmbedder:
    """Vectors of hashed words: texts that share words are near each other."""

    def __init__(self, dimensions: int = 64, name: str = "fake") -> None:
        self._dimensions = dimensions
        self._name = name

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, dimensions), rows of length 1."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, 0] = 1e-3  # so that a text without words has a direction too
            for word in text.lower().split():
                place = int(content_hash(word), 16)
                vectors[row, place % self._dimensions] += 1 if place >> 60 & 1 else -1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())


class FakeModels:
    """Gives the fakes under every name."""

    def __init__(self, replies: Mapping[str, str] | None = None) -> None:
        self._replies = replies

    def language_model(self, name: str, *, adapter: Path | None = None) -> FakeModel:
        """A fake that answers from the table; an adapter changes nothing but its name."""
        return FakeModel(self._replies, name if adapter is None else f"{name}+{adapter.name}")

    def embedder(self, name: str, *, adapter: Path | None = None) -> FakeEmbedder:
        """A fake embedder of this name; an adapter changes nothing but its name."""
        return FakeEmbedder(name=name if adapter is None else f"{name}+{adapter.name}")

    def cross_encoder(self, name: str) -> None:
        """None of the fakes is one."""
        return None


def _instance(schema: Mapping[str, Json]) -> Json:
    """A value for the common keywords: enum, const, objects, arrays, strings, numbers."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return _instance(schema["anyOf"][0])
    kind = schema.get("type", "object")
    if kind == "object":
        parts = schema.get("properties", {})
        return {key: _instance(part) for key, part in parts.items()}
    if kind == "array":
        return [_instance(schema.get("items", {"type": "string"}))] * int(schema.get("minItems", 0))
    if kind == "string":
        return "x" * int(schema.get("minLength", 1))
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    return kind == "boolean" or None
