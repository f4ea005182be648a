"""Log probabilities from one pass over prompts and all their answers, laid out as trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from metier.models.engines.scoring import LOGITS_PER_PASS, Item, Scored, common_beginning
from metier.models.limits.labels import LabelTree

if TYPE_CHECKING:
    import torch

TOKENS_PER_PASS = 4096
"""Above this a pass gains no speed on two cores and only holds more memory."""
SHARED_PREFIX_PAYS = 16
"""Tokens that all prompts must have in common before a pass of their own is worth it."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Prompts with their answers' trees, laid out for one pass.

    Columns: the shared prefix (only in the mask), padding, the rest of the prompt, the tree's
    nodes, padding. So the last prompt token and the nodes stand in the last ``keep`` columns of
    every row.
    """

    ids: NDArray[np.int64]
    """(rows, columns)"""
    positions: NDArray[np.int64]
    """(rows, columns)"""
    visible: NDArray[np.bool_]
    """(rows, columns, prefix + columns): what each token may look at."""
    keep: int
    """The columns at the end whose logits are wanted."""


class TreeEngine(Protocol):
    """What an engine has to do for label scoring."""

    def read_prefix(self, tokens: Sequence[int]) -> None:
        """Read a prefix that the following packs share, and keep its keys and values."""
        ...

    def tree_logits(self, pack: Pack) -> torch.Tensor:
        """Logits of the last ``keep`` columns, shape (rows, keep, vocabulary), float32."""
        ...


def score_trees(engine: TreeEngine, items: Sequence[Item]) -> list[Scored]:
    """A prompt is read once whatever the number of answers.

    Their tokens follow as a tree in which each token sees the prompt and the tokens above it, at
    the position it would have alone (tree attention, as in SpecInfer, Miao et al. 2024). A
    beginning that all prompts share (instruction, examples) is read once for all.
    """
    prefix = common_beginning([item.prompt for item in items])
    if len(items) < 2 or prefix < SHARED_PREFIX_PAYS:
        prefix = 0
    engine.read_prefix(items[0].prompt[:prefix] if items else [])
    scored = [Scored(())] * len(items)
    for rows in _passes(items, prefix):
        logits = engine.tree_logits(_pack([items[row] for row in rows], prefix))
        for row, row_logits in zip(rows, logits, strict=True):
            scored[row] = Scored(_sums(row_logits, items[row].tree), prefix if row else 0)
    return scored


def _passes(items: Sequence[Item], prefix: int) -> Iterator[list[int]]:
    """Group items of similar length, within the limits of one pass."""
    rows: list[int] = []
    columns = keep = 0
    for row in sorted(range(len(items)), key=lambda row: -len(items[row].prompt)):
        nodes = len(items[row].tree.tokens)
        width = len(items[row].prompt) - prefix + nodes
        wider, kept = max(columns, width), max(keep, nodes + 1)
        more = len(rows) + 1
        if rows and (more * wider > TOKENS_PER_PASS or more * kept > LOGITS_PER_PASS):
            yield rows
            rows, wider, kept = [], width, nodes + 1
        rows.append(row)
        columns, keep = wider, kept
    if rows:
        yield rows


def _pack(items: Sequence[Item], prefix: int) -> Pack:
    longest = max(len(item.prompt) for item in items) - prefix
    nodes = max(len(item.tree.tokens) for item in items)
    width = longest + nodes
    ids = np.zeros((len(items), width), dtype=np.int64)
    positions = np.zeros((len(items), width), dtype=np.int64)
    visible = np.zeros((len(items), width, prefix + width), dtype=np.bool_)
    # Padding looks at itself, else its softmax would have nothing to sum over.
    visible[:, np.arange(width), prefix + np.arange(width)] = True
    for row, item in enumerate(items):
        rest = item.prompt[prefix:]
        start = longest - len(rest)
        ids[row, start:longest] = rest
        positions[row, start:longest] = np.arange(prefix, len(item.prompt))
        visible[row, start:, :prefix] = True
        visible[row, start:longest, prefix + start : prefix + longest] = np.tri(
            len(rest), dtype=np.bool_
        )
        tree = item.tree
        count = len(tree.tokens)
        ids[row, longest : longest + count] = tree.tokens
        positions[row, longest : longest + count] = (
            len(item.prompt) - 1 + np.array(tree.depths, dtype=np.int64)
        )
        visible[row, longest : longest + count, prefix + start : prefix + longest] = True
        for node, above in enumerate(tree.ancestors()):
            visible[row, longest + node, prefix + longest - 1 + np.array(above)] = True
    return Pack(ids, positions, visible, nodes + 1)


def _sums(logits: torch.Tensor, tree: LabelTree) -> tuple[float, ...]:
    """Log likelihoods of a tree's answers from the logits at its nodes (nodes, vocabulary)."""
    totals = logits.logsumexp(dim=-1)
    nodes = [node for path in tree.steps for node, _ in path]
    tokens = [token for path in tree.steps for _, token in path]
    logs = iter((logits[nodes, tokens] - totals[nodes]).tolist())
    return tuple(float(sum(next(logs) for _ in path)) for path in tree.steps)
