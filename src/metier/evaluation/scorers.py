"""Scorers: small judges of one answer; a metric carries its scorer's name."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from metier.evaluation.checks import failed_checks
from metier.protocols import Scorer
from metier.types import ABSTENTION, Answer, Example, Score, Task


def scorers_for(task: Task) -> tuple[Scorer, ...]:
    """The scorers of a kind of task; the first one gives the metric that the verdict is about."""
    if task.kind == "classification":
        return (Label(task.labels),)
    if task.kind == "short_answer":
        return (ExactMatch(), TokenF1(), Contains())
    return (TokenF1(),)


@dataclass(frozen=True, slots=True)
class Label:
    """1 when the answer is the target, exact after trimming; says when it is no label at all."""

    labels: tuple[str, ...]
    name: str = "accuracy"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score 0 or 1; 0 for an answer off the list, however near its wording."""
        said = answer.text.strip()
        if said not in self.labels:
            return Score(self.name, 0.0, f"off the list of labels: {said[:80]!r}")
        return Score(self.name, float(said == example.target.strip()))


@dataclass(frozen=True, slots=True)
class ExactMatch:
    """1 when the answer equals the target or an alias after SQuAD's normalisation.

    Where the target is to abstain, 1 when the answer does, and 0 for abstaining elsewhere; so in
    all scorers of written answers. Rajpurkar et al. (2016): lower case, no punctuation, no
    articles, single spaces.
    """

    name: str = "exact_match"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score 0 or 1."""
        return _best(self.name, example, answer, lambda said, wanted: float(said == wanted))


@dataclass(frozen=True, slots=True)
class TokenF1:
    """Harmonic mean of the precision and recall of words, best over the aliases (SQuAD)."""

    name: str = "token_f1"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score from 0 to 1."""
        return _best(self.name, example, answer, _word_f1)


@dataclass(frozen=True, slots=True)
class Contains:
    """1 when the answer contains the target or an alias as whole words, after normalisation."""

    name: str = "contains"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score 0 or 1."""
        return _best(self.name, example, answer, lambda said, it: float(f" {it} " in f" {said} "))


@dataclass(frozen=True, slots=True)
class Checks:
    """Whether the answer passes every check of ``metadata["checks"]`` (see ``checks``)."""

    name: str = "follows"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score 0 or 1; the explanation names the checks that failed."""
        failed = failed_checks(example.metadata["checks"], answer.text)
        return Score(self.name, float(not failed), "; ".join(failed))


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and double spaces (SQuAD)."""
    bare = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _best(name: str, example: Example, answer: Answer, judge: Callable[[str, str], float]) -> Score:
    unanswerable = example.target == ABSTENTION
    if answer.abstained or unanswerable:
        right = answer.abstained and unanswerable
        return Score(name, float(right), "abstained" if answer.abstained else "did not abstain")
    said = normalised(answer.text)
    wanted = [example.target, *example.aliases]
    return Score(name, max(judge(said, normalised(text)) for text in wanted))


def _word_f1(said: str, wanted: str) -> float:
    ours, theirs = said.split(), wanted.split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))
