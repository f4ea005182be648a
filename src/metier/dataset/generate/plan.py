"""What to ask, of whom, how much of it, and what an accepted row must pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from metier.dataset.generate.personas import ANSWERER, ASKER
from metier.dataset.generate.rules import PatternRule
from metier.types import QuestionKind, Usage

DEFAULT_MENU: Mapping[QuestionKind, int] = MappingProxyType(
    {
        "factual": 2,
        "reverse": 1,
        "multi_fact": 1,
        "summary": 1,
        "rewrite": 1,
        "entity_pair": 1,
        "unanswerable": 1,
    }
)
TEXT = "text"
"""The checker that compares words, numbers, names, negations and order."""
SPANS = "spans"
"""The reader that finds the sentence nearest to the question, by the embedder."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a million tokens, for the estimate and the budget."""

    input: float
    output: float

    def of(self, usage: Usage) -> float:
        """Dollars of this usage."""
        spent = usage.prompt_tokens * self.input + usage.completion_tokens * self.output
        return spent / 1_000_000


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """Everything that decides which rows come out, given documents and models."""

    asker: str
    answerer: str
    reader: str = SPANS
    """Who is asked again without having written anything: ``spans``, or a model's name."""
    checker: str = TEXT
    """Who judges whether the evidence says the answer: ``text``, or a model's name."""
    embedder: str = "all-minilm-l6-v2"
    asker_persona: str = ASKER
    answerer_persona: str = ANSWERER
    subject: str = "$title"
    """How questions call a document: a template over its title and metadata."""
    menu: Mapping[QuestionKind, int] = field(default_factory=lambda: dict(DEFAULT_MENU))
    """Questions that a model writes for each chunk, by kind."""
    patterns: int = 4
    """Questions for each chunk that are found by their form, without a model."""
    rules: tuple[PatternRule, ...] = ()
    least: int = 1
    """A chunk or fact counts as covered from so many accepted questions on."""
    questions: int | None = None
    """Stop at so many accepted rows."""
    minutes: float | None = None
    dollars: float | None = None
    prices: Mapping[str, Prices] = field(default_factory=dict)
    """By model's name: the asker and the answerer may cost differently."""
    agreement: float = 0.5
    """Token F1 from which two answers are the same. 0.5 keeps a short answer inside a longer one;
    SQuAD's annotators agree with each other at about 0.9, and unrelated answers stay below 0.2."""
    support: float = 0.5
    """Probability from which the checker counts a claim as supported."""
    give_up: float = 0.05
    """A kind of question of which, after ``GIVE_UP_AFTER`` tries, a smaller share was accepted is
    written no more: a weak teacher's time is better spent elsewhere."""
    batch: int = 64
    """Rows under way at once; also what a kill can cost where an engine answers by the batch."""
    seed: int = 0

    def gives_up(self, tried: Counter[bool]) -> bool:
        """Whether so few of the rows tried were accepted (True) that no more are worth writing."""
        many = tried.total() >= GIVE_UP_AFTER
        return many and tried[True] < self.give_up * tried.total()


GIVE_UP_AFTER = 24
"""With a true rate of 20 %, 24 tries without a second success come once in 30 times."""
FIRST_BATCH = 32
"""Proposals after which a run in which nothing was accepted stops and names the check."""
