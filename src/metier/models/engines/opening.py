"""What is asked of a model becomes a row: its tokens, its room, and what the answer may become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from metier.errors import DataError
from metier.models.chat import ChatTokenizer
from metier.models.engines.decoding import Constraint, Row
from metier.models.limits.constraints import Choices, GrammarCompiler
from metier.models.weights import read_json
from metier.types import Conversation, GenerateConfig


class PromptTooLongError(DataError):
    """A prompt leaves no room for an answer."""


class Opener:
    """Opens the rows of one model, for evaluation and server alike."""

    def __init__(self, directory: Path, *, name: str = "", window: int | None = None) -> None:
        """``window``: tokens that prompt and answer may have together; None where nobody counts."""
        self.chat = ChatTokenizer(directory)
        self.name = name or directory.name
        self._window = window
        self._vocabulary = int(read_json(directory / "config.json")["vocab_size"])
        self._grammars: GrammarCompiler | None = None

    def row(self, asked: Conversation | str, config: GenerateConfig, *, place: int = 0) -> Row:
        """A conversation to answer, or plain text to go on with.

        It samples from a generator of its own, whose seed is that of the configuration plus its
        ``place`` in the caller's batch, so an answer does not change with how the batch was cut.
        Raises ``PromptTooLongError``, or ``DataError`` for a schema or choices of no use.
        """
        import torch

        prompt = self.chat.tokens(asked) if isinstance(asked, str) else self.chat.prompt(asked)
        config = self._within_window(len(prompt), config)
        generator = None
        if config.temperature > 0:
            generator = torch.Generator().manual_seed(config.seed + place)
        return Row(prompt, config, generator, self._constraint(config))

    def _within_window(self, prompt: int, config: GenerateConfig) -> GenerateConfig:
        if self._window is None:
            return config
        if prompt >= self._window:
            raise PromptTooLongError(
                f"the prompt has {prompt:,} tokens; {self.name} reads {self._window - 1:,} at "
                "most, with room for an answer"
            )
        return replace(config, max_new_tokens=min(config.max_new_tokens, self._window - prompt))

    def _constraint(self, config: GenerateConfig) -> Constraint | None:
        if config.choices:
            answers = [self.chat.answer(choice) for choice in config.choices]
            longest = max(map(len, answers)) - 1
            if longest > config.max_new_tokens:
                raise DataError(
                    f"a choice has {longest} tokens, and {config.max_new_tokens} are allowed"
                )
            return Choices(answers)
        if config.json_schema is None:
            return None
        if self._grammars is None:
            self._grammars = GrammarCompiler(self.chat, self._vocabulary)
        return self._grammars.schema(config.json_schema, room=config.max_new_tokens)
