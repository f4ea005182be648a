"""Who may see what: an answerer limited to the documents of one tenant, or of one day."""

from __future__ import annotations

from collections.abc import Sequence

from metier.errors import DataError
from metier.protocols import Answerer, ScopedAnswerer
from metier.types import Answer, Example, Message, Scope


def within(answerer: Answerer, scope: Scope) -> Answerer:
    """The answerer as this scope has it; one that shows no document answers everybody alike.

    Raises ``DataError`` where such a one is asked as of a day.
    """
    if isinstance(answerer, ScopedAnswerer):
        return answerer.within(scope)
    check_tenant_alone(scope)
    return answerer


def check_tenant_alone(scope: Scope) -> None:
    """``DataError`` where a scope says more than the tenant to what answers of no day."""
    if scope != Scope(tenant=scope.tenant):
        raise DataError(
            "this specialist cannot answer as of a day, which only one that looks things up by "
            "itself can; ask it without"
        )


def answers_to(answerer: Answerer, examples: Sequence[Example]) -> list[Answer]:
    """Answers to examples, each asked by the tenant whose document it is about.

    Raises ``DataError`` where there are not as many answers as examples.
    """
    found: dict[int, Answer] = {}
    for tenant in dict.fromkeys(example.tenant for example in examples):
        places = [place for place, one in enumerate(examples) if one.tenant == tenant]
        asked = [(Message("user", examples[place].input),) for place in places]
        answers = within(answerer, Scope(tenant=tenant)).answer(asked)
        if len(answers) != len(asked):
            raise DataError(
                f"{type(answerer).__name__} gave {len(answers)} answers to {len(asked)} questions"
            )
        found.update(zip(places, answers, strict=True))
    return [found[place] for place in range(len(examples))]
