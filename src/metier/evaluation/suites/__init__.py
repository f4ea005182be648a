"""Suites of examples: the retention suites of this project, and any multiple-choice file."""

from metier.evaluation.suites.chosen import arithmetic, general, language
from metier.evaluation.suites.multiple_choice import multiple_choice
from metier.evaluation.suites.suite import Suite
from metier.evaluation.suites.written import formats, instructions

__all__ = [
    "Suite",
    "arithmetic",
    "formats",
    "general",
    "instructions",
    "language",
    "multiple_choice",
    "retention_suites",
]


def retention_suites(seed: int) -> tuple[Suite, ...]:
    """What a tuned model should still be able to do, drawn by seed; the same for base and tuned."""
    return (
        instructions(seed),
        formats(seed),
        arithmetic(seed),
        general(seed),
        language(),
    )
