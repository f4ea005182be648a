"""Whether an answer follows from its evidence, and how often the one who says so is wrong."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from metier.dataset.generate.checks.spans import things
from metier.dataset.generate.text.sentences import one_line, words
from metier.protocols import SupportChecker
from metier.retrieval.grounding.claims import as_claim
from metier.stats import proportion
from metier.types import CheckerError

SAMPLE = 200
_FUNCTION_WORDS = (
    "of and or to in is was were are be been by on for from with as at that which who whom what "
    "when where how much many year date month did does do according it its this he she they his "
    "her their has have had not into than then there also after before during under over"
)
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_MARKED = re.compile(r"^\W*\w+|[^\W_a-z][\w’'.,-]*")
"""The first word, which is capitalised anyway, then all names and numbers."""


class QuoteChecker:
    """Counts how much of the claim the passage says in the claim's own words.

    Every number and name must stand in the passage. It knows no synonyms and no negation; it is
    exact for answers that are words of the passage, which is what the patterns write.
    """

    name = "quote"

    def support(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """Share of the claim's words, cut to their stems, that the passage has."""
        return [_covered(claim, passage) for claim, passage in batch]


class Known(NamedTuple):
    """A right answer beside its evidence, and which others are of its kind."""

    question: str
    answer: str
    evidence: str
    kind: str


def measure(
    checker: SupportChecker, known: Sequence[Known], *, threshold: float, seed: int
) -> CheckerError | None:
    """The checker's two error rates; None where nothing is known to be right.

    Wrong answers are other facts' answers of the same kind (a year for a year, a court for a
    court), and other things that the same evidence names, of the same kind or of another.
    """
    drawn = random.Random(seed).sample(list(known), min(SAMPLE, len(known)))
    wrong = [*_from_elsewhere(drawn, seed), *_from_the_evidence(drawn, seed)]
    if not drawn or not wrong:
        return None
    right_scores = checker.support([(as_claim(k.question, k.answer), k.evidence) for k in drawn])
    wrong_scores = checker.support([(as_claim(k.question, k.answer), k.evidence) for k in wrong])
    return CheckerError(
        checker.name,
        lets_through=proportion(sum(s >= threshold for s in wrong_scores), len(wrong_scores)),
        refuses=proportion(sum(s < threshold for s in right_scores), len(right_scores)),
    )


def _from_elsewhere(known: Sequence[Known], seed: int) -> list[Known]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for one in known:
        by_kind[one.kind].append(one.answer)
    chance, found = random.Random(seed + 1), []
    for one in known:
        here = one_line(one.evidence).casefold()
        others = sorted({a for a in by_kind[one.kind] if a.casefold() not in here})
        if others:
            found.append(one._replace(answer=chance.choice(others)))
    return found


def _from_the_evidence(known: Sequence[Known], seed: int) -> list[Known]:
    """The mistakes that are hardest to see: what stands in the very sentence that is quoted."""
    chance, found = random.Random(seed + 2), []
    for one in known:
        taken = f"{one.question} {one.answer}".casefold()
        answer = one.answer.casefold()
        others = [
            thing
            for thing in things(one.evidence)
            if thing.casefold() not in taken and answer not in thing.casefold()
        ]
        if others:
            found.append(one._replace(answer=chance.choice(others)))
    return found


def _covered(claim: str, passage: str) -> float:
    said = {_stem(word) for word in words(passage)}
    wanted = [word for word in words(claim) if word not in _FUNCTION]
    marked = (word for token in _MARKED.findall(claim)[1:] for word in words(token))
    if not wanted or any(_stem(word) not in said for word in marked if word not in _FUNCTION):
        return 0.0
    return sum(_stem(word) in said for word in wanted) / len(wanted)


def _stem(word: str) -> str:
    """The first five letters tie a verb's forms together; numbers are not cut."""
    return word if re.search(r"\d", word) else word[:5]
