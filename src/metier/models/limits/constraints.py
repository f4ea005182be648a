"""Limits on what a model may write: one of several texts, or JSON that a schema accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from metier.errors import DataError, MissingExtraError
from metier.models.chat import ChatTokenizer
from metier.models.limits.closing import Closing
from metier.models.limits.schemas import check_schema, has_free_names
from metier.models.limits.spelling import Spelling
from metier.types import Json

if TYPE_CHECKING:
    import torch


CompiledGrammar = Any
"""Of xgrammar, which is imported late."""
GROWTH = 32
"""Tokens by which one more token is taken to lengthen the way to close at most, as one that opens
another object of many required fields does."""
CACHE = 256 << 20
"""Bytes of compiled grammars that are kept; schemas come from strangers, and never end."""


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

    def accept(self, token: int, room: int) -> int:
        """Drop the texts that go on differently."""
        place = self._written
        self._open = [
            answer for answer in self._open if len(answer) > place + 1 and answer[place] == token
        ]
        self._written += 1
        return token


class Grammar:
    """JSON of one schema, by xgrammar's pushdown automaton, closed before the tokens run out.

    A way to close the answer is looked for the more often, the less room it would leave. Near the
    end it is always known, and a token after which there would be none in time is not taken.
    """

    def __init__(
        self, compiled: CompiledGrammar, closing: Closing, spelling: Spelling | None
    ) -> None:
        """``spelling``: where names are free, and one could come again in another spelling."""
        import xgrammar

        self._matcher = xgrammar.GrammarMatcher(compiled)
        self._bitmask = xgrammar.allocate_token_bitmask(1, compiled.tokenizer_info.vocab_size)
        self._closing = closing
        self._spelling = spelling
        self._open_escape = False
        self._look = 0
        """The room at which a way is looked for next."""
        self._hurried = False
        """Whether the way is followed to its end, since another token would have left none."""
        self._way: list[int] | None = None
        """Tokens that close the answer from here; None where none was looked for, or found."""

    def fits(self, room: int) -> bool:
        """Whether an answer of at most ``room`` tokens was found."""
        self._find(room)
        return self._way is not None

    def _find(self, room: int) -> None:
        """Look for a way; until the next time it cannot have become too long for what is left."""
        self._way = self._closing.way(self._matcher, room)
        self._look = room - max(1, (room - len(self._way or ())) // GROWTH)

    def mask(self, logits: torch.Tensor) -> None:
        """Leave the tokens that the grammar can go on with."""
        import xgrammar

        self._matcher.fill_next_token_bitmask(self._bitmask)
        self._bitmask &= self._closing.printable
        if self._spelling is not None:
            self._bitmask &= self._spelling.fit(self._open_escape)
        if not self._bitmask.any():
            raise DataError("the JSON schema led to a place where nothing may be written")
        xgrammar.apply_token_bitmask_inplace(logits.unsqueeze(0), self._bitmask.to(logits.device))

    def accept(self, token: int, room: int) -> int:
        """Move on, within what leaves time to close."""
        taken = self._accept(token, room)
        if self._spelling is not None:
            self._open_escape = self._spelling.opens(taken, self._open_escape)
        return taken

    def _accept(self, token: int, room: int) -> int:
        if not self._hurried:
            known, self._way = self._way, None
            self._take(token)
            if known and token == known[0]:
                self._way = known[1:]
            elif room <= self._look:
                self._find(room)
            else:
                return token
            if self._way is not None or known is None:
                return token
            self._matcher.rollback(1)
            self._way, self._hurried = known, True
        token, self._way = self._closing.step(self._way or [])
        self._take(token)
        return token

    def _take(self, token: int) -> None:
        if not self._matcher.accept_token(token):
            raise DataError("the JSON schema does not go on with what was written")


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
        self._compiler = xgrammar.GrammarCompiler(info, cache_limit_bytes=CACHE)
        self._closing = Closing(info, sorted(chat.ends))
        self._spelling = Spelling(info.decoded_vocab, info.vocab_size)

    def schema(self, schema: Mapping[str, Json], *, room: int) -> Grammar:
        """A fresh constraint for one answer of at most ``room`` tokens.

        ``DataError`` for a schema that cannot be kept in full, or not in so few tokens.
        """
        check_schema(schema)
        try:
            # Free white space is where small models never find their way out of.
            compiled = self._compiler.compile_json_schema(json.dumps(schema), any_whitespace=False)
        except (RuntimeError, ValueError) as error:
            said = str(error).rpartition(": ")[2].strip()
            raise DataError(f"the JSON schema cannot be used: {said}") from error
        spelling = self._spelling if has_free_names(schema) else None
        grammar = Grammar(compiled, self._closing, spelling)
        if not grammar.fits(room):
            raise DataError(f"no answer of this JSON schema fits into {room} tokens; allow more")
        return grammar
