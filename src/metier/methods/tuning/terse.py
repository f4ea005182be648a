"""A question in fewer words, as people type one into a search box or write it on a form."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

from metier.retrieval.grounding.reading import Word, read

KEPT = 0.4
"""Of the words that say nothing alone, one at least: "who decided" and "when decided" differ."""
_APART = 4
"""Characters between two names of one run: "Smith v. Jones", "Bank of England"."""

Stretch = tuple[int, int]
"""Offsets, start and end."""


def in_fewer_words(question: str, chance: random.Random) -> str:
    """Without most of the words that say nothing alone; by halves its end comes first.

    Who is asked about, and for what, stays whole, so the answer stays right. A text without a name,
    or whose words are not set apart by blanks, stays as it is.
    """
    words = read(question).words
    names = _names(question, words)
    if not names or any(after.start < before.end for before, after in pairwise(words)):
        return question
    others = [word for word in words if not any(start <= word.start < end for start, end in names)]
    telling = [word for word in others if word.content or word.negation]
    rest = [word for word in others if word not in telling]
    drawn = chance.sample(rest, math.ceil(KEPT * len(rest)))
    kept = sorted(names + [(word.start, word.end) for word in telling + drawn])
    turn = chance.randrange(len(kept)) if chance.random() < 0.5 else 0
    return " ".join(question[start:end] for start, end in kept[turn:] + kept[:turn])


def _names(question: str, words: Sequence[Word]) -> list[Stretch]:
    """Runs of words with capitals, and of numbers; not a capital that only begins a sentence."""
    runs: list[list[Word]] = []
    for word in words:
        if word.number is None and not question[word.start].isupper():
            continue
        last = runs[-1][-1] if runs else None
        if last and last.sentence == word.sentence and word.start - last.end <= _APART:
            runs[-1].append(word)
        else:
            runs.append([word])
    return [
        (run[0].start, run[-1].end)
        for run in runs
        if any(word.name or word.number is not None for word in run)
    ]
