"""A suite: examples that are asked, scored and reported together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metier.protocols import Answerer, LanguageModel, Scorer
from metier.types import Example, Json, content_hash


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions with the scorers that judge the answers."""

    name: str
    examples: tuple[Example, ...]
    scorers: tuple[Scorer, ...]
    """The first one's verdict is the suite's metric."""
    ask: Callable[[LanguageModel], Answerer] | None = None
    """How a bare language model takes this suite; None where only rungs are asked (test split)."""
    given: Json = None
    """What ``ask`` knows beside the examples: the choices of each question, say."""

    @property
    def content(self) -> str:
        """An address of all that an answer and its scores depend on beside the answerer."""
        questions = [
            [row.id, row.input, row.target, row.tenant, row.aliases, row.metadata.get("checks")]
            for row in self.examples
        ]
        judged = [repr(scorer) for scorer in self.scorers]
        return content_hash([self.name, questions, judged, self.given])
