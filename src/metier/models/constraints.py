"""Limits on what a model may write: one of several texts, or JSON that a schema accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metier.errors import DataError, MissingExtraError
from metier.models.chat import ChatTokenizer
from metier.types import Json

if TYPE_CHECKING:
    import torch


CompiledGrammar = Any
"""Of xgrammar, which is imported late."""


class Choices:
    """Exactly one of several texts, followed along the tokens that each text is made of."""

    def __init__(self, answers: Sequence[Sequence[int]]) -> None:
        self._open = [tuple(answer) for answer in answers]
        self._written = 0

    def mask(self, logits: torch.Tensor) -> None:
        """Leave only the next tokens of the texts that still agree with what was written."""
        allowed = sorted({answer[self._written] for answer in self._open})
        kept = logits[allowed].clone()
        logits.fill_(-float("inf"))
        logits[allowed] = kept

    def accept(self, token: int) -> None:
        """Drop the texts that go on differently."""
        place = self._written
        self._open = [
            answer for answer in self._open if len(answer) > place + 1 and answer[place] == token
        ]
        self._written += 1


class Grammar:
    """JSON of one schema, by xgrammar's pushdown automaton."""

    def __init__(self, compiled: CompiledGrammar) -> None:
        import xgrammar

        self._matcher = xgrammar.GrammarMatcher(compiled)
        self._bitmask = xgrammar.allocate_token_bitmask(1, compiled.tokenizer_info.vocab_size)

    def mask(self, logits: torch.Tensor) -> None:
        """Leave the tokens that the grammar can go on with."""
        import xgrammar

        self._matcher.fill_next_token_bitmask(self._bitmask)
        xgrammar.apply_token_bitmask_inplace(logits.unsqueeze(0), self._bitmask.to(logits.device))

    def accept(self, token: int) -> None:
        """Move the automaton on."""
        self._matcher.accept_token(token)


class GrammarCompiler:
    """Compiles schemas for one tokenizer; compiled ones are kept."""

    def __init__(self, chat: ChatTokenizer, vocabulary: int) -> None:
        try:
            import xgrammar
        except ImportError as error:
            raise MissingExtraError("answers bound to a JSON schema", "models") from error
        info = xgrammar.TokenizerInfo.from_huggingface(
            chat.tokenizer, vocab_size=vocabulary, stop_token_ids=sorted(chat.ends)
        )
        self._compiler = xgrammar.GrammarCompiler(info)

    def schema(self, schema: Mapping[str, Json]) -> Grammar:
        """A fresh constraint for one answer; ``DataError`` for a schema that cannot be compiled."""
        try:
            # Free white space is where small models never find their way out of.
            compiled = self._compiler.compile_json_schema(json.dumps(schema), any_whitespace=False)
            return Grammar(compiled)
        except (RuntimeError, ValueError) as error:
            raise DataError(f"the JSON schema cannot be used: {error}") from error
