"""What every rung that classifies shares: what it reads, what it refuses, how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.protocols import FitContext
from metier.types import Answer, Conversation, Example, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def question(conversation: Conversation) -> str:
    """The text to judge: the last thing the user said."""
    for message in reversed(conversation):
        if message.role == "user":
            return message.content
    raise DataError("a conversation without a user message asks nothing; add one with the text")


def check_classification(rung: str, method: str, context: FitContext) -> None:
    """Raise ``DataError`` unless the task is a classification with rows of two labels or more."""
    task = context.task
    if task.kind != "classification":
        raise DataError(
            f"rung {rung!r}: the method {method!r} can do classification, not {task.kind}; "
            "take the rung out, or give the task a closed set of labels"
        )
    if not context.train:
        raise DataError(f"rung {rung!r}: there is no training row; add labelled rows")
    for example in (*context.train, *context.dev):
        if example.target not in task.labels:
            raise DataError(
                f"rung {rung!r}: example {example.id!r} has the label {example.target!r}, which "
                f"is none of the task's ({', '.join(task.labels)}); add the label or mend the row"
            )


def targets(task: Task, examples: Sequence[Example]) -> NDArray[np.int64]:
    """Each example's label as its place in ``task.labels``; shape (examples,)."""
    import numpy as np

    place = {label: index for index, label in enumerate(task.labels)}
    return np.array([place[example.target] for example in examples], dtype=np.int64)


def answers(labels: Sequence[str], probabilities: NDArray[np.float64]) -> list[Answer]:
    """One answer per row of ``probabilities`` (shape (texts, labels)): the most likely label."""
    return [
        Answer(
            text=labels[int(row.argmax())],
            probabilities={label: float(p) for label, p in zip(labels, row, strict=True)},
        )
        for row in probabilities
    ]
