"""Which search to trust, learnt from the documents alone."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metier.protocols import Embedder
from metier.retrieval.store.encoding import encode_passages, encode_texts
from metier.retrieval.store.fuse import joined_scores
from metier.retrieval.store.rows import SHOWN, to_hit, to_table
from metier.retrieval.store.search import Candidates, Question, candidates, ordered, weights
from metier.retrieval.store.table import create_table, keep_indexed
from metier.retrieval.store.words import terms
from metier.types import Passage, SearchSettings

if TYPE_CHECKING:
    import lance
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_TEXT_WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_LONGEST = 20  # words of a rehearsed question: about what people ask with


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The weight of full-text search that ranked best, and how it and each part alone did."""

    settings: SearchSettings
    recall_at_1: float
    questions: int
    alone: dict[str, float]
    """Recall at 1 of each part by itself."""


def rehearse(
    table: lance.LanceDataset,
    embedder: Embedder,
    settings: SearchSettings,
    *,
    questions: int = 200,
    passages: int = 5000,
    seed: int = 0,
) -> Rehearsed | None:
    """Choose full-text search's weight by asking for passages that lost the sentence asked with.

    The inverse cloze task (Lee et al. 2019): the sentence's words are no longer there to match, as
    with a person's question, so a part is trusted for finding what a passage is about. Sentences
    left in their passages would say that words alone are enough. ``passages`` bounds the work on a
    large store. None when fewer than 20 passages have two sentences: too few to learn from.
    """
    rows = _sample(table, passages, seed)
    cut = list(itertools.islice(_cut_passages(rows, seed), questions))
    if len(cut) < 20:
        return None
    read = encode_texts(embedder, [one.question for one in cut])
    rest = to_table(
        [one.rest for one in cut], encode_passages([one.rest for one in cut], embedder, settings)
    )
    with tempfile.TemporaryDirectory() as folder:
        stage = create_table(Path(folder) / "stage.lance", rows)
        stage.merge_insert("id").when_matched_update_all().execute(rest)
        stage.checkout_latest()  # type: ignore[no-untyped-call]  # lance's own
        keep_indexed(stage)
        found = [
            candidates(
                stage,
                Question(vector, tokens, terms(one.question, settings.language)),
                count=settings.candidates,
                where="true",
            )
            for one, vector, tokens in zip(cut, read.vectors, read.tokens, strict=True)
        ]
    return choose_weight(found, [one.rest.chunk.id for one in cut], settings)


@dataclass(frozen=True, slots=True)
class _Cut:
    question: str
    rest: Passage


def _sample(table: lance.LanceDataset, count: int, seed: int) -> pa.Table:
    total = table.count_rows()
    places = sorted(random.Random(seed).sample(range(total), min(count, total)))
    return table.take(places)


def _cut_passages(rows: pa.Table, seed: int) -> Iterator[_Cut]:
    generator = random.Random(seed)
    shown = rows.select(SHOWN).to_pylist()
    generator.shuffle(shown)
    for row in shown:
        text: str = row["text"]
        sentences = [part.strip() for part in _SENTENCE_END.split(text)]
        worth = [part for part in sentences if len(terms(part)) >= 5]
        if len(worth) < 2:
            continue
        sentence = generator.choice(worth)
        hit = to_hit(row, 0.0, {})
        chunk = dataclasses.replace(hit.chunk, text=text.replace(sentence, " "))
        rest = Passage(chunk, row["section"], tenant=hit.tenant)
        yield _Cut(_shortened(sentence, generator), rest)


def _shortened(sentence: str, generator: random.Random) -> str:
    words = sentence.split()
    start = generator.randrange(max(1, len(words) - _LONGEST + 1))
    return " ".join(words[start : start + _LONGEST])


def choose_weight(
    found: Sequence[Candidates], right: Sequence[str], settings: SearchSettings
) -> Rehearsed:
    """The weight of full text under which these questions find the passages that are right.

    ``found`` and ``right`` are parallel: what each question finds, and the id of its passage.
    """
    # One number, and not every part's weight: with all of them free, 200 sentences chose whole
    # texts' vectors over tokens on squad_en, and people's questions lost 5 points of recall at 1.
    tried = {
        text: _reciprocal_ranks(found, right, weights(dataclasses.replace(settings, text=text)))
        for text in _TEXT_WEIGHTS
    }
    highest = max(tried.values(), key=lambda ranks: float(ranks.mean()))
    # Of those that are worse than the best by at most a standard error of the difference, the one
    # nearest to what stands: a cut sentence is no person's question, so what it is not sure of
    # says little. Pairs and whole ranks tell apart with 60 questions what recall at 1 does not.
    equals = [
        text
        for text, ranks in tried.items()
        if (highest - ranks).mean() <= (highest - ranks).std() / math.sqrt(len(found))
    ]
    given = weights(settings)
    alone = {
        part: _reciprocal_ranks(found, right, {name: float(name == part) for name in given})
        for part in found[0].scores
    }
    # Joining is for finding more than the best part does: where some weights do, the others go.
    least = max(one.mean() for part, one in alone.items() if part == "text" or given[part])
    chosen = min(
        [text for text in equals if tried[text].mean() >= least] or equals,
        key=lambda text: abs(math.log((text + 0.02) / (settings.text + 0.02))),
    )
    return Rehearsed(
        dataclasses.replace(settings, text=chosen),
        _first(tried[chosen]),
        len(found),
        {part: _first(ranks) for part, ranks in alone.items()},
    )


def _first(ranks: NDArray[np.float64]) -> float:
    """How often the right passage came first."""
    return float((ranks == 1).mean())


def _reciprocal_ranks(
    found: Sequence[Candidates], right: Sequence[str], tried: dict[str, float]
) -> NDArray[np.float64]:
    """1 / the right passage's place for each question; 0 where it was not found."""
    import numpy as np

    ranks = np.zeros(len(found))
    for row, (one, id) in enumerate(zip(found, right, strict=True)):
        if id in one.ids:
            order = ordered(joined_scores(one.scores, tried))
            ranks[row] = 1 / (1 + order.index(one.ids.index(id)))
    return ranks
