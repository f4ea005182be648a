"""A language model on this machine, whatever engine multiplies its matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from metier.models.chat import ChatTokenizer
from metier.models.engines.decoding import (
    Constraint,
    Stepper,
    completion,
    decode,
    open_rows,
    ready_text,
)
from metier.models.engines.scoring import Item, TreeEngine, score
from metier.models.limits.constraints import Choices, GrammarCompiler
from metier.models.limits.labels import label_tree
from metier.models.weights import read_json
from metier.types import Completion, Conversation, GenerateConfig, LabelScores, Usage

ROWS_PER_BATCH = 64
"""Where tokens per second stop growing on two cores."""


class Engine(Stepper, TreeEngine, Protocol):
    """All that a local language model asks of an engine: steps, and trees of answers."""


class LocalModel:
    """The contract of ``LanguageModel`` on top of an engine and the model's own tokenizer."""

    def __init__(self, name: str, directory: Path, engine: Engine) -> None:
        """``directory`` holds the tokenizer and the configuration of the engine's weights."""
        self._name = name
        self._chat = ChatTokenizer(directory)
        self._vocabulary = int(read_json(directory / "config.json")["vocab_size"])
        self._engine = engine
        self._grammars: GrammarCompiler | None = None

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self._name

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Continue every conversation."""
        prompts = [self._chat.prompt(conversation) for conversation in batch]
        rows = open_rows(prompts, config, self._constraints(len(prompts), config))
        by_length = sorted(rows, key=lambda row: -len(row.prompt))
        for start in range(0, len(rows), ROWS_PER_BATCH):
            for _ in decode(self._engine, by_length[start : start + ROWS_PER_BATCH], self._chat):
                pass
        return [completion(row) for row in rows]

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]:
        """Yield the text that ``generate`` gives, piece by piece."""
        prompt = self._chat.prompt(conversation)
        rows = open_rows([prompt], config, self._constraints(1, config))
        sent = 0
        for _ in decode(self._engine, rows, self._chat):
            text = ready_text(rows[0], self._chat)
            if len(text) > sent:
                yield text[sent:]
                sent = len(text)

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log of the probability that the answer is exactly this text, then stops."""
        items = [
            Item(self._chat.prompt(conversation), label_tree([self._chat.answer(text)]))
            for conversation, text in batch
        ]
        return [scores[0] for scores in score(self._engine, items)[0]]

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """``loglikelihood`` of every label for every conversation, reading each prompt once."""
        tree = label_tree([self._chat.answer(label) for label in labels])
        items = [Item(self._chat.prompt(conversation), tree) for conversation in batch]
        scores, shared = score(self._engine, items)
        return [
            LabelScores(logs, Usage(len(item.prompt), len(tree.tokens), shared if place else 0))
            for place, (item, logs) in enumerate(zip(items, scores, strict=True))
        ]

    def count_tokens(self, text: str) -> int:
        """Tokens of plain text."""
        return len(self._chat.tokens(text))

    def truncate(self, text: str, max_tokens: int) -> str:
        """The longest beginning of ``text`` that has at most ``max_tokens`` tokens."""
        return self._chat.truncate(text, max_tokens)

    def _constraints(self, count: int, config: GenerateConfig) -> list[Constraint | None]:
        if config.choices:
            answers = [self._chat.answer(choice) for choice in config.choices]
            return [Choices(answers) for _ in range(count)]
        if config.json_schema is not None:
            if self._grammars is None:
                self._grammars = GrammarCompiler(self._chat, self._vocabulary)
            room = config.max_new_tokens
            return [self._grammars.schema(config.json_schema, room=room) for _ in range(count)]
        return [None] * count
