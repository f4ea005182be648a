"""Log probabilities with paged attention: each answer goes on from its prompt's keys and values."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.models.engines.blocks import BLOCK, Blocks, alike
from metier.models.engines.opening import PromptTooLongError
from metier.models.engines.paged import PagedEngine, Slice
from metier.models.engines.scoring import LOGITS_PER_PASS, Item, Scored

if TYPE_CHECKING:
    import torch

TOKENS_PER_PASS = 1024
"""Of prompts. Above this a pass gains no speed on two cores."""


@dataclass(frozen=True, slots=True)
class _Prompt:
    """One that several items may ask about."""

    tokens: tuple[int, ...]
    rows: Sequence[int]
    """The items'."""
    blocks: Sequence[int]
    known: int
    """Tokens that were read before."""

    @property
    def slice(self) -> Slice:
        return Slice(self.tokens[self.known :], self.known, self.blocks)


@dataclass(frozen=True, slots=True)
class _Fork:
    """The nodes from a tree's root to one of its leaves."""

    prompt: _Prompt
    row: int
    nodes: Sequence[int]
    tokens: Sequence[int]

    @property
    def most_blocks(self) -> int:
        """Those that it cannot share."""
        return -(-(len(self.prompt.tokens) % BLOCK + len(self.tokens)) // BLOCK)


_Logs = dict[tuple[int, int, int], float]
"""Log probability of a token after a node of an item's tree: by item, node and token."""


def score_forks(engine: PagedEngine, items: Sequence[Item]) -> list[Scored]:
    """A prompt is read once whatever the number of items and answers.

    What its last block holds is copied for every answer, which writes into the rest of the block;
    the full blocks are shared. So are the beginnings of prompts, where the engine knows them.
    Raises ``PromptTooLongError`` for what has no room at all.
    """
    same: dict[tuple[int, ...], list[int]] = {}
    for row, item in enumerate(items):
        same.setdefault(tuple(item.prompt), []).append(row)
    waiting = deque(sorted(same))
    cached = [0] * len(items)
    logs: _Logs = {}
    while waiting:
        group: list[_Prompt] = []
        try:
            _join(engine.blocks, waiting, same, group)
            _read(engine, items, group, logs)
            forks = deque(_forks(items, group))
            while forks:
                _follow(engine, items, forks, logs)
        finally:
            for prompt in group:
                engine.blocks.release(prompt.blocks)
        for prompt in group:
            for place, row in enumerate(prompt.rows):
                cached[row] = len(prompt.tokens) if place else prompt.known
    return [_scored(row, item, cached[row], logs) for row, item in enumerate(items)]


def _join(
    blocks: Blocks,
    waiting: deque[tuple[int, ...]],
    same: Mapping[tuple[int, ...], Sequence[int]],
    group: list[_Prompt],
) -> None:
    """Take the next prompts, until a pass is full or one of them would better wait for another."""
    fresh = 0
    while waiting and fresh < TOKENS_PER_PASS:
        tokens = waiting[0]
        known = blocks.reuse("", tokens)
        # They are sorted, so none shares more with this one than its neighbour.
        waits = group and alike(group[-1].tokens, tokens) > len(known)
        own = None if waits else blocks.take(-(-len(tokens) // BLOCK) - len(known))
        if own is None:
            blocks.release(known)
            if not group:
                raise PromptTooLongError(_no_room(len(tokens)))
            return
        waiting.popleft()
        group.append(_Prompt(tokens, same[tokens], [*known, *own], len(known) * BLOCK))
        fresh += len(tokens) - group[-1].known


def _read(
    engine: PagedEngine, items: Sequence[Item], group: Sequence[_Prompt], logs: _Logs
) -> None:
    logits = engine.forward([prompt.slice for prompt in group])
    roots = [(place, row, 0) for place, prompt in enumerate(group) for row in prompt.rows]
    _note(logits, roots, items, logs)
    for prompt in group:
        engine.blocks.remember("", prompt.tokens, prompt.blocks)


def _forks(items: Sequence[Item], group: Sequence[_Prompt]) -> Iterator[_Fork]:
    for prompt in group:
        for row in prompt.rows:
            tree = items[row].tree
            inner = set(tree.parents)
            for node, path in enumerate(tree.ancestors(), start=1):
                if node not in inner:
                    yield _Fork(prompt, row, path, [tree.tokens[above - 1] for above in path])


def _follow(engine: PagedEngine, items: Sequence[Item], forks: deque[_Fork], logs: _Logs) -> None:
    """Read as many of the answers as there is room for."""
    slices: list[Slice] = []
    copies: list[tuple[int, int]] = []
    ends: list[tuple[int, int, int]] = []
    taken: list[int] = []
    try:
        while forks and len(ends) < LOGITS_PER_PASS:
            fork = forks[0]
            own = engine.blocks.take(fork.most_blocks)
            if own is None:
                break
            forks.popleft()
            taken += own
            length = len(fork.prompt.tokens)
            if length % BLOCK:
                copies.append((fork.prompt.blocks[-1], own[0]))
            shared = fork.prompt.blocks[: length // BLOCK]
            slices.append(Slice(fork.tokens, length, [*shared, *own], wanted=len(fork.tokens)))
            ends += [(len(ends) + place, fork.row, node) for place, node in enumerate(fork.nodes)]
        if not slices:
            raise PromptTooLongError(_no_room(len(forks[0].prompt.tokens)))
        engine.copy(copies)
        _note(engine.forward(slices), ends, items, logs)
    finally:
        engine.blocks.release(taken)


def _note(
    logits: torch.Tensor,
    ends: Sequence[tuple[int, int, int]],
    items: Sequence[Item],
    logs: _Logs,
) -> None:
    """Keep what the answers need of logits (tokens, vocabulary): places, with item and node."""
    totals = logits.logsumexp(dim=-1)
    wanted = [
        (place, row, node, token)
        for place, row, node in ends
        for token in items[row].tree.followers[node]
    ]
    places, tokens = [one[0] for one in wanted], [one[3] for one in wanted]
    found = (logits[places, tokens] - totals[places]).tolist()
    for (_, row, node, token), log in zip(wanted, found, strict=True):
        logs[row, node, token] = log


def _scored(row: int, item: Item, cached: int, logs: _Logs) -> Scored:
    paths = item.tree.steps
    return Scored(
        tuple(sum(logs[row, node, token] for node, token in path) for path in paths), cached
    )


def _no_room(tokens: int) -> str:
    return f"no room for the keys and values of a prompt of {tokens:,} tokens and its answers"
