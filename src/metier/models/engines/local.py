"""A language model on this machine, whatever engine multiplies its matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from metier.models.chat import ChatTokenizer
from metier.models.engines.decoding import Row, completion, ready_text
from metier.models.engines.opening import Opener
from metier.models.engines.scoring import Item, Scored
from metier.models.limits.labels import label_tree
from metier.types import Completion, Conversation, GenerateConfig, LabelScores, Usage


class Engine(Protocol):
    """All that a local language model asks of an engine."""

    @property
    def room(self) -> int | None:
        """Tokens that a prompt and its answer may have together, where there is a limit."""
        ...

    def grow(self, rows: Sequence[Row], chat: ChatTokenizer) -> Iterator[None]:
        """Grow all rows to their end; yields now and then, so that a caller may stream."""
        ...

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """Log probabilities of every item's answers."""
        ...


class LocalModel:
    """The contract of ``LanguageModel`` on top of an engine and the model's own tokenizer."""

    def __init__(self, name: str, directory: Path, engine: Engine) -> None:
        """``directory`` holds the tokenizer and the configuration of the engine's weights."""
        self._name = name
        self._opener = Opener(directory, name=name, window=engine.room)
        self._chat = self._opener.chat
        self._engine = engine

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._name

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Continue every conversation."""
        rows = [self._opener.row(asked, config, place=place) for place, asked in enumerate(batch)]
        for _ in self._engine.grow(rows, self._chat):
            pass
        return [completion(row) for row in rows]

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]:
        """Yield the text that ``generate`` gives, piece by piece."""
        row = self._opener.row(conversation, config)
        sent = 0
        for _ in self._engine.grow([row], self._chat):
            text = ready_text(row, self._chat)
            if len(text) > sent:
                yield text[sent:]
                sent = len(text)

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log of the probability that the answer is exactly this text, then stops."""
        items = [
            Item(self._chat.prompt(conversation), label_tree([self._chat.answer(text)]))
            for conversation, text in batch
        ]
        return [scored.logs[0] for scored in self._engine.score(items)]

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """``loglikelihood`` of every label for every conversation, reading each prompt once."""
        tree = label_tree([self._chat.answer(label) for label in labels])
        items = [Item(self._chat.prompt(conversation), tree) for conversation in batch]
        return [
            LabelScores(scored.logs, Usage(len(item.prompt), len(tree.tokens), scored.cached))
            for item, scored in zip(items, self._engine.score(items), strict=True)
        ]

    def count_tokens(self, text: str) -> int:
        """Tokens of plain text."""
        return len(self._chat.tokens(text))

    def truncate(self, text: str, max_tokens: int) -> str:
        """The longest beginning of ``text`` that has at most ``max_tokens`` tokens."""
        return self._chat.truncate(text, max_tokens)
