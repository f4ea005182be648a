"""Item results as one table, for whoever wants to look at them with other tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metier import serial
from metier.types import ItemResult, Scorecard

if TYPE_CHECKING:
    import pyarrow as pa


def items_table(scorecards: Sequence[Scorecard]) -> pa.Table:
    """One row per rung and item: what was asked and answered, its score, its cost in tokens.

    ``prompt`` and ``probabilities`` are JSON; ``score`` is that of the suite's first scorer.
    """
    import pyarrow as pa

    rows = [(card.rung, item) for card in scorecards for item in card.items]
    return pa.table(
        {
            "rung": pa.array([rung for rung, _ in rows], pa.string()),
            "suite": pa.array([item.suite for _, item in rows], pa.string()),
            "example": pa.array([item.example for _, item in rows], pa.string()),
            "input": pa.array([item.input for _, item in rows], pa.string()),
            "target": pa.array([item.target for _, item in rows], pa.string()),
            "answer": pa.array([item.answer.text for _, item in rows], pa.string()),
            "scorer": pa.array([_scored(item)[0] for _, item in rows], pa.string()),
            "score": pa.array([_scored(item)[1] for _, item in rows], pa.float64()),
            "probabilities": pa.array([_probabilities(item) for _, item in rows], pa.string()),
            "prompt": pa.array([_prompt(item) for _, item in rows], pa.string()),
            "prompt_tokens": pa.array([i.answer.usage.prompt_tokens for _, i in rows], pa.int64()),
            "completion_tokens": pa.array(
                [i.answer.usage.completion_tokens for _, i in rows], pa.int64()
            ),
            "seconds": pa.array([item.seconds for _, item in rows], pa.float64()),
        }
    )


def _scored(item: ItemResult) -> tuple[str | None, float | None]:
    return (item.scores[0].scorer, item.scores[0].value) if item.scores else (None, None)


def _probabilities(item: ItemResult) -> str | None:
    given = item.answer.probabilities
    return None if given is None else json.dumps(dict(given), ensure_ascii=False)


def _prompt(item: ItemResult) -> str:
    return json.dumps(serial.to_json(item.answer)["prompt"], ensure_ascii=False)
