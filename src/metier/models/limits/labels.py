"""The tokens of several answers as one tree, so that what they share is read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class LabelTree:
    """Distinct prefixes of token sequences; node 0 is the root, the end of the prompt.

    ``tokens[i]`` is the token of node i + 1, ``parents[i]`` the node before it. The log
    probability of sequence j is the sum, over its steps, of the log probability that node
    ``steps[j][k][0]`` gives to token ``steps[j][k][1]``.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    steps: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """Distance of every node but the root from the root: the children of the root have 1."""
        depths = [0]
        for parent in self.parents:
            depths.append(depths[parent] + 1)
        return tuple(depths[1:])

    @cached_property
    def followers(self) -> Mapping[int, Sequence[int]]:
        """The tokens that some sequence has after each node."""
        found: dict[int, dict[int, None]] = {}
        for path in self.steps:
            for node, token in path:
                found.setdefault(node, {})[token] = None
        return {node: list(tokens) for node, tokens in found.items()}

    def ancestors(self) -> list[list[int]]:
        """For every node but the root: itself and the nodes above it, the root left out."""
        above: list[list[int]] = [[]]
        for node, parent in enumerate(self.parents, start=1):
            above.append([*above[parent], node])
        return above[1:]


def label_tree(sequences: Sequence[Sequence[int]]) -> LabelTree:
    """Build the tree; the last token of a sequence needs no node, since nothing follows it."""
    children: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    parents: list[int] = []
    steps: list[tuple[tuple[int, int], ...]] = []
    for sequence in sequences:
        node = 0
        path: list[tuple[int, int]] = []
        for position, token in enumerate(sequence):
            path.append((node, token))
            if position == len(sequence) - 1:
                break
            if (node, token) not in children:
                tokens.append(token)
                parents.append(node)
                children[node, token] = len(tokens)
            node = children[node, token]
        steps.append(tuple(path))
    return LabelTree(tuple(tokens), tuple(parents), tuple(steps))
