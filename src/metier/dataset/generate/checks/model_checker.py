"""A language model that is asked whether a passage says what a claim says."""

from __future__ import annotations

from collections.abc import Sequence

from metier.dataset.generate.writers.teacher import Teacher
from metier.types import Conversation, GenerateConfig, Message

CONFIG = GenerateConfig(max_new_tokens=4, choices=("yes", "no"))
_TASK = (
    "{passage}\n\nDoes this passage say that the following is right? A question with an answer "
    "behind it is right when the passage gives this answer to this question.\n{claim}\n"
    "Reply with yes or no."
)


class ModelChecker:
    """Says yes (1) or no (0); a request that stays unanswered supports nothing."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    @property
    def name(self) -> str:
        """The model's name."""
        return self._teacher.name

    def support(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """1 for each (claim, passage) to which the model says yes."""
        replies = self._teacher.ask([_prompt(*pair) for pair in batch], CONFIG)
        return [float((reply.text or "").strip().casefold() == "yes") for reply in replies]


def _prompt(claim: str, passage: str) -> Conversation:
    # One pass over the template: what a claim or passage says in braces stays as it is.
    before, _, rest = _TASK.partition("{passage}")
    between, _, after = rest.partition("{claim}")
    return (Message("user", f"{before}{passage}{between}{claim}{after}"),)
