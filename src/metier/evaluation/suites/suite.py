"""A suite: examples that are asked, scored and reported together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metier.protocols import Answerer, LanguageModel, Scorer
from metier.types import Example


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions with the scorers that judge the answers."""

    name: str
    examples: tuple[Example, ...]
    scorers: tuple[Scorer, ...]
    """The first one's verdict is the suite's metric."""
    ask: Callable[[LanguageModel], Answerer] | None = None
    """How a bare language model takes this suite; None where only rungs are asked (test split)."""
