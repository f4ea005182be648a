"""Which prompts of a batch begin alike, so that the beginning is read once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAST = 32
"""Tokens; a shorter beginning costs as much to share as to read."""


class Group(NamedTuple):
    """Prompts with one beginning."""

    length: int
    """Tokens that they share; at least one token of each prompt is left over."""
    rows: list[int]


def groups(prompts: Sequence[Sequence[int]]) -> list[Group]:
    """The batch cut into groups; prompts about one passage come together.

    A prompt joins a group as long as it shares at least half of what the group shares: prompts
    about different passages often begin with the same instruction, which is not worth a group.
    """
    found: list[Group] = []
    for row in sorted(range(len(prompts)), key=lambda row: list(prompts[row])):
        prompt = prompts[row]
        if found:
            length, rows = found[-1]
            shared = _shared(prompts[rows[0]], prompt, min(length, len(prompt) - 1))
            if shared >= max(LEAST, length // 2):
                found[-1] = Group(shared, [*rows, row])
                continue
        found.append(Group(len(prompt) - 1, [row]))
    return found


def saves(prompts: Sequence[Sequence[int]], found: Sequence[Group]) -> bool:
    """Whether reading the beginnings once is less work than reading every prompt, by a fifth."""
    width = max(map(len, prompts))
    before = max(group.length for group in found)
    after = max(len(prompts[row]) - group.length for group in found for row in group.rows)
    return len(found) * before + len(prompts) * after < 0.8 * len(prompts) * width


def _shared(first: Sequence[int], second: Sequence[int], limit: int) -> int:
    for place in range(limit):
        if first[place] != second[place]:
            return place
    return max(limit, 0)
