"""Whether an answer follows from its evidence, and how often the one who says so is wrong."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from metier.dataset.generate.checks.spans import things
from metier.dataset.generate.text.sentences import one_line
from metier.protocols import SupportChecker
from metier.retrieval.grounding.claims import as_claim
from metier.stats import proportion
from metier.types import CheckerError

SAMPLE = 200


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
