"""Conversations as a model's own tokens: its chat template, its end of turn, its counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metier.types import Conversation

FastTokenizer = Any
"""A tokenizer of transformers; its classes changed names between versions, its methods did not."""


UNSEEN = "\u200b"
"""A blank of no width: what it stands in is no control token any more, and looks the same."""


class ChatTokenizer:
    """The tokenizer of one model directory, speaking in conversations and answers."""

    def __init__(self, directory: Path) -> None:
        from transformers import AutoTokenizer, GenerationConfig

        self.tokenizer: FastTokenizer = AutoTokenizer.from_pretrained(directory)
        ends: set[int] = {self.tokenizer.eos_token_id} - {None}
        if (directory / "generation_config.json").is_file():
            listed = GenerationConfig.from_pretrained(directory).eos_token_id
            ends |= set(listed) if isinstance(listed, list) else {listed} - {None}
        self.ends: frozenset[int] = frozenset(ends)
        """Tokens that end a turn."""
        self.end: int = self._end_of_turn()
        """The one that the chat template writes after an answer."""
        added = self.tokenizer.added_tokens_decoder.values()
        controls = sorted({str(token) for token in added if token.special}, key=len, reverse=True)
        self._controls = re.compile("|".join(map(re.escape, controls)) or r"(?!)")
        pad = self.tokenizer.pad_token_id
        self.pad: int = self.end if pad is None else pad

    def prompt(self, conversation: Conversation) -> list[int]:
        """The tokens of a conversation up to where the answer begins.

        A conversation that ends with an assistant's message is continued inside that message.
        Words of a message that look like a control token, as of its end, stay words.
        """
        if self.tokenizer.chat_template is None:
            plain = "\n\n".join(self._words(message.content) for message in conversation)
            return list(self.tokenizer.encode(plain + "\n\n"))
        open_answer = conversation[-1].role == "assistant"
        text: str = self.tokenizer.apply_chat_template(
            [
                {"role": message.role, "content": self._words(message.content)}
                for message in conversation
            ],
            tokenize=False,
            add_generation_prompt=not open_answer,
            continue_final_message=open_answer,
        )
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _words(self, content: str) -> str:
        """A message's text, in which no control token is read."""
        return self._controls.sub(lambda found: found[0][:1] + UNSEEN + found[0][1:], content)

    def answer(self, text: str) -> list[int]:
        """The tokens of a whole answer, with the end of the turn."""
        return [*self.tokens(text), self.end]

    def tokens(self, text: str) -> list[int]:
        """The tokens of plain text, nothing added."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens; special tokens leave no trace."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def truncate(self, text: str, max_tokens: int) -> str:
        """The longest beginning of ``text`` that has at most ``max_tokens`` tokens."""
        encoded = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        offsets = encoded["offset_mapping"]
        if len(offsets) <= max_tokens:
            return text
        cut = offsets[max_tokens][0]
        # A cut can move the borders of the tokens before it, so the count is checked again.
        while cut > 0 and len(self.tokens(text[:cut])) > max_tokens:
            cut -= 1
        return text[:cut]

    def _end_of_turn(self) -> int:
        eos: int = self.tokenizer.eos_token_id
        if self.tokenizer.chat_template is None:
            return eos
        mark = "metier"
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": mark}]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False)
        after = self.tokens(str(text).rpartition(mark)[2])
        return next((token for token in after if token in self.ends), eos)
