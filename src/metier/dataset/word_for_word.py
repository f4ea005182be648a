"""How much of a text stands in another, by runs of words that few texts have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metier.retrieval.store.words import EACH_WORD

NGRAM = 13
"""Words in a row that count as a repetition; GPT-3's report (Brown et al. 2020, appendix C) chose
13, and later reports kept to it: shorter runs are often set phrases."""
SHARE = 0.4
"""Of the shorter text's runs, from which on it repeats the other. A hundred words of which four
were changed still share two fifths of their runs with what they were. Below it, in court opinions,
medical answers and newsgroups, stand captions, signatures and passages that two texts quote."""
MANY, ONE_IN = 10, 50
"""A run in more than ten texts, and in more than one of fifty, is boilerplate and repeats nothing.
GPT-3's report ignores what stands in more than ten; of ten thousand rows ten may well be copies."""

_LEAST_RUN = 5  # words; a shorter text repeats another only when that is all of it

Run = tuple[str, ...]


class Repetition(NamedTuple):
    """A text of the first that one of the others repeats, by their places."""

    text: int
    other: int
    share: float
    """Of the runs of the shorter of the two."""


def repetitions(texts: Sequence[str], others: Sequence[str]) -> list[Repetition]:
    """All pairs that share ``SHARE`` of the shorter's runs, boilerplate apart.

    A text shorter than 13 words is one run. A text that is nothing but boilerplate repeats
    another only as a whole: then the share is that of the longer one's runs. Memory grows with
    ``texts`` and with what the others share with them, not with the others.
    """
    known = _Known([_words(text) for text in texts])
    met = [known.meet(_words(other)) for other in others]
    known.settle(max(MANY, (len(texts) + len(others)) // ONE_IN))
    return [
        Repetition(text, number, share)
        for number, one in enumerate(met)
        for text, share in known.shares(one)
        if share >= SHARE
    ]


@dataclass(frozen=True, slots=True)
class _Met:
    """One of the others: how many runs of each length it has, and which of them are known."""

    sizes: dict[int, int]
    runs: list[int]


class _Known:
    """The runs of the texts that are asked about, and how many texts and others hold each."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self._numbers: dict[Run, int] = {}
        self._length: list[int] = []
        self._holders: list[list[int]] = []
        self._spans = [min(NGRAM, len(words)) for words in texts]
        self._runs: list[list[int]] = []
        for place, (words, length) in enumerate(zip(texts, self._spans, strict=True)):
            self._runs.append([self._note(run, place) for run in set(_runs(words, length))])
        self._count = [len(holders) for holders in self._holders]
        self._spread = sorted({length for length in self._length if length >= _LEAST_RUN})
        self._rare: list[int] = []
        self._many = 0

    def _note(self, run: Run, place: int) -> int:
        number = self._numbers.setdefault(run, len(self._holders))
        if number == len(self._holders):
            self._holders.append([])
            self._length.append(len(run))
        self._holders[number].append(place)
        return number

    def meet(self, words: Sequence[str]) -> _Met:
        """Count one of the others' runs in."""
        lengths = [*self._spread, *([len(words)] if 0 < len(words) < _LEAST_RUN else [])]
        found = {length: set(_runs(words, length)) for length in lengths}
        runs = [
            number
            for each in found.values()
            for run in each
            if (number := self._numbers.get(run)) is not None
        ]
        for number in runs:
            self._count[number] += 1
        return _Met({length: len(each) for length, each in found.items()}, runs)

    def settle(self, many: int) -> None:
        """Take what stands in more than this many texts for boilerplate."""
        self._many = many
        self._rare = [sum(map(self._is_rare, runs)) for runs in self._runs]

    def _is_rare(self, number: int) -> bool:
        return self._count[number] <= self._many

    def shares(self, met: _Met) -> Iterator[tuple[int, float]]:
        """The texts that this one of the others has runs of, with what they share."""
        every: Counter[int] = Counter()
        rare: Counter[int] = Counter()
        common: dict[int, int] = defaultdict(int)
        for number in met.runs:
            every.update(self._holders[number])
            if self._is_rare(number):
                rare.update(self._holders[number])
            else:
                common[self._length[number]] += 1
        for text, shared in every.items():
            size = met.sizes[self._spans[text]]
            shorter = min(self._rare[text], size - common[self._spans[text]])
            if shorter:
                yield text, rare[text] / shorter
            else:
                yield text, shared / max(len(self._runs[text]), size)


def _words(text: str) -> list[str]:
    return EACH_WORD.findall(text.casefold())


def _runs(words: Sequence[str], length: int) -> Iterator[Run]:
    if not length:
        return iter(())
    return zip(*(words[offset:] for offset in range(length)), strict=False)
