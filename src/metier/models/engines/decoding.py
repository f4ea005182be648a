"""How an answer grows token by token, the same for every engine that gives logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from metier.models.chat import ChatTokenizer
from metier.types import Completion, GenerateConfig, Usage

if TYPE_CHECKING:
    import torch


ROWS_PER_BATCH = 64
"""Where tokens per second stop growing on two cores."""
_READ_AGAIN = 16
"""Tokens at the end of a growing text; a character has at most four."""
_COLDEST = 1e-6
"""Temperatures below tell nothing apart that a float32 does, and logits over them are infinite."""


class Stepper(Protocol):
    """An engine that keeps the state of a batch between tokens."""

    def start(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read the prompts; logits of the next token, shape (rows, vocabulary), float32."""
        ...

    def step(self, tokens: Sequence[int], rows: Sequence[int]) -> torch.Tensor:
        """Keep only these rows of the last batch, append one token to each; logits again."""
        ...


class Constraint(Protocol):
    """What one answer may still become."""

    def mask(self, logits: torch.Tensor) -> None:
        """Set the logits of forbidden tokens to minus infinity, in place; shape (vocabulary,)."""
        ...

    def accept(self, token: int, room: int) -> int:
        """Move on by the chosen token, or by another, which is returned, where the answer could
        not be finished in ``room`` further tokens after the chosen one."""
        ...


@dataclass
class Row:
    """One answer as it grows."""

    prompt: list[int]
    config: GenerateConfig
    generator: torch.Generator | None = None
    constraint: Constraint | None = None
    tokens: list[int] = field(default_factory=list)
    cached: int = 0
    """Tokens of the prompt that were known already."""
    finish: Literal["stop", "length"] | None = None
    text: str = ""
    """Complete when ``finish`` is set; before that as of the last ``grown_text``."""
    reread: int = 0
    """The first token that is read again as the text grows."""
    settled: int = 0
    """Length of the text before that token."""


def decode(stepper: Stepper, rows: Sequence[Row], chat: ChatTokenizer) -> Iterator[None]:
    """Grow all rows to their end; yields after every token, so that a caller may stream."""
    by_length = sorted(rows, key=lambda row: -len(row.prompt))
    for start in range(0, len(rows), ROWS_PER_BATCH):
        yield from _decode_batch(stepper, by_length[start : start + ROWS_PER_BATCH], chat)


def _decode_batch(stepper: Stepper, rows: Sequence[Row], chat: ChatTokenizer) -> Iterator[None]:
    logits = stepper.start([row.prompt for row in rows])
    active = list(rows)
    while True:
        for row, row_logits in zip(active, logits, strict=True):
            append(row, row_logits, chat)
        yield
        kept = [place for place, row in enumerate(active) if row.finish is None]
        if not kept:
            return
        active = [active[place] for place in kept]
        logits = stepper.step([row.tokens[-1] for row in active], kept)


def completion(row: Row) -> Completion:
    """A finished row as the answer that callers see."""
    return Completion(row.text, usage(row), row.finish or "length")


def usage(row: Row) -> Usage:
    """Its tokens so far."""
    return Usage(len(row.prompt), len(row.tokens), row.cached)


def grown_text(row: Row, chat: ChatTokenizer) -> str:
    """The text of all its tokens so far, of which only the last are read.

    Reading starts where the text of the last tokens alone is the end of the whole: not amid the
    bytes of a character.
    """
    row.text = row.text[: row.settled] + chat.text(row.tokens[row.reread :])
    if len(row.tokens) - row.reread >= 2 * _READ_AGAIN:
        last = chat.text(row.tokens[-_READ_AGAIN:])
        if last and row.text.endswith(last):
            row.reread = len(row.tokens) - _READ_AGAIN
            row.settled = len(row.text) - len(last)
    return row.text


def ready_text(row: Row, chat: ChatTokenizer) -> str:
    """The beginning of a growing row's text that later tokens cannot change."""
    if row.finish is not None:
        return row.text
    # the first bytes of a character whose others are to come are no text yet
    text = grown_text(row, chat).rstrip("\ufffd")
    held = 0
    for stop in row.config.stop:
        for length in range(1, min(len(stop), len(text)) + 1):
            if text.endswith(stop[:length]):
                held = max(held, length)
    return text[: len(text) - held]


def append(row: Row, logits: torch.Tensor, chat: ChatTokenizer) -> None:
    """Choose a row's next token from its logits (vocabulary,), which are masked in place."""
    if row.constraint is not None:
        row.constraint.mask(logits)
    token = choose(logits, row.config, row.generator)
    if row.constraint is not None:
        token = row.constraint.accept(token, row.config.max_new_tokens - len(row.tokens) - 1)
    row.tokens.append(token)
    if token in chat.ends:
        row.finish = "stop"
    elif len(row.tokens) >= row.config.max_new_tokens:
        row.finish = "length"
    if row.finish is not None:
        row.text = chat.text(row.tokens)
    elif row.config.stop:
        grown_text(row, chat)
    cuts = [cut for stop in row.config.stop if (cut := row.text.find(stop)) >= 0]
    if cuts:
        row.text, row.finish = row.text[: min(cuts)], "stop"


def choose(logits: torch.Tensor, config: GenerateConfig, generator: torch.Generator | None) -> int:
    """The next token: the likeliest, or one drawn after temperature, top-k and top-p."""
    import torch

    if generator is None or config.temperature < _COLDEST:
        return int(logits.argmax())
    scaled = logits.float().cpu() / config.temperature
    if config.top_k is not None:
        least = scaled.topk(min(config.top_k, scaled.numel())).values[-1]
        scaled[scaled < least] = -torch.inf
    probabilities = scaled.softmax(dim=-1)
    if config.top_p < 1:
        ranked, order = probabilities.sort(descending=True)
        # A token stays when those before it have not reached top_p yet; the first always does.
        probabilities[order[ranked.cumsum(0) - ranked >= config.top_p]] = 0
    return int(torch.multinomial(probabilities, 1, generator=generator))
