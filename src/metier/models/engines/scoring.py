"""Log probabilities of answers to a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metier.models.limits.labels import LabelTree

LOGITS_PER_PASS = 1024
"""Rows of logits held at once: 200 MB for a vocabulary of 49,152."""


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt and the answers asked about it."""

    prompt: Sequence[int]
    tree: LabelTree


@dataclass(frozen=True, slots=True)
class Scored:
    """What an item came to."""

    logs: tuple[float, ...]
    """Natural-log likelihood of every answer."""
    cached: int = 0
    """Tokens of the prompt that were known already."""


def common_beginning(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with; at least one token of each is left over."""
    # The longest prefix of a set is that of its smallest and its greatest member.
    low, high = min(map(tuple, prompts), default=()), max(map(tuple, prompts), default=())
    shortest = min(map(len, prompts), default=0)
    same = 0
    while same < shortest - 1 and low[same] == high[same]:
        same += 1
    return same
