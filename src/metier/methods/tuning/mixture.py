"""What an adapter is tuned on: the training rows, and what keeps them from doing harm.

Questions alone teach a model to answer from memory and to forget how to read and how to chat. So
rows may be repeated with their document before them and others beside it (RAFT, Zhang et al. 2024),
or in fewer words, since people ask in other styles than rows do (EDA, Wei and Zou 2019);
documents may stand as rows of their own (mixed training, Allen-Zhu and Li 2023), and the base
model's own answers to general requests may be replayed (self-distillation, which forgets less
than replaying other people's texts: Shenfeld et al. 2026). Those are drawn at temperature 1, and
what is held on to is the base's whole distribution at every token of them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metier.errors import DataError
from metier.methods.open_book import open_book
from metier.methods.tuning.replay import Row, replayed
from metier.methods.tuning.terse import in_fewer_words
from metier.protocols import FitContext
from metier.types import Chunk, Example, Json

DEFAULTS: Mapping[str, Json] = {
    "documents": 0,
    "open_book": 0.0,
    "wrong_passages": 2,
    "terse": 0.0,
    "replay": 0.0,
}
"""Of a mixture: the training rows and nothing else."""
MOST_REPLAY = 0.9
"""Nine general requests beside each row: with more the task would hardly be seen."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One training example, its input with or without passages before it."""

    text: str
    answer: str
    cut: bool = True
    """Whether ``text`` is an input of the task, to be cut at its limit."""


def mixture(context: FitContext) -> tuple[list[Asked], list[Row]]:
    """The task's rows, and the rows of other conversations, in an order of the seed's.

    ``documents`` is how often each passage of the corpus is a row ("What do you know of TITLE?"),
    ``open_book`` the share of training rows repeated with passages, ``wrong_passages`` how many of
    other documents stand beside the right one, ``terse`` the share repeated in fewer words,
    ``replay`` the share of all rows that are general requests with the base's own answers.
    """
    train, replay = context.train, _share(context, "replay", most=MOST_REPLAY)
    asked = [Asked(row.input, row.target) for row in train]
    asked += _with_passages(context)
    asked += _in_fewer_words(context)
    asked += _documents(context) * int(context.settings["documents"])
    count = round(len(asked) * replay / (1 - replay))
    return asked, replayed(context.base, count, models=context.models, progress=context.progress)


def _share(context: FitContext, name: str, *, most: float = 1.0) -> float:
    share = float(context.settings[name])
    if not 0 <= share <= most:
        raise DataError(f"{name} = {share:g} is a share of rows: give a number from 0 to {most:g}")
    return share


def _with_passages(context: FitContext) -> list[Asked]:
    share, wrong = _share(context, "open_book"), int(context.settings["wrong_passages"])
    if not share:
        return []
    draws = random.Random(f"{context.seed}/open book")
    passages = _passages(context)
    everything = [passage for group in passages.values() for passage in group]
    found = []
    for row in draws.sample(list(context.train), round(share * len(context.train))):
        right = _right(row, passages, draws)
        others = [one for one in everything if one.source.document != row.origin]
        shown = [*right, *draws.sample(others, min(wrong, len(others)))]
        draws.shuffle(shown)
        found.append(Asked(open_book(shown, row.input), row.target, cut=False))
    return found


def _in_fewer_words(context: FitContext) -> list[Asked]:
    draws = random.Random(f"{context.seed}/terse")
    count = round(_share(context, "terse") * len(context.train))
    return [
        Asked(said, row.target)
        for row in draws.sample(list(context.train), count)
        if (said := in_fewer_words(row.input, draws)) != row.input
    ]


def _right(
    row: Example, passages: Mapping[str, Sequence[Chunk]], draws: random.Random
) -> list[Chunk]:
    """The passage that holds the row's evidence, else any of its document, else none."""
    own = passages.get(row.origin, ())
    for span in row.evidence:
        for one in own:
            if one.source.start <= span.start and span.end <= one.source.end:
                return [one]
    return [draws.choice(own)] if own else []


def _documents(context: FitContext) -> list[Asked]:
    if not context.settings["documents"]:
        return []
    return [
        Asked(f"What do you know of {one.title or one.source.document}?", one.text, cut=False)
        for group in _passages(context).values()
        for one in group
    ]


def _passages(context: FitContext) -> dict[str, list[Chunk]]:
    if context.corpus is None:
        raise DataError("documents and open_book need a corpus; set both to 0")
    found: dict[str, list[Chunk]] = defaultdict(list)
    for passage in context.corpus.chunks():
        found[passage.source.document].append(passage)
    return found
