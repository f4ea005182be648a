"""Between which numbers a rung's settings may lie, so that none is found out hours later."""

from __future__ import annotations

import math
from collections.abc import Mapping

from metier.types import Json

NO_LIMIT = math.inf
_COUNT, _SHARE, _LARGE = (0, NO_LIMIT), (0, 1), (1, NO_LIMIT)
LIMITS: Mapping[str, tuple[float, float]] = {
    "alpha": _LARGE,
    "batch_size": _LARGE,
    "context_tokens": _LARGE,
    "documents": _COUNT,
    "dropout": (0, 0.99),
    "dynamic_threshold": _SHARE,
    "epochs": _LARGE,
    "k": _LARGE,
    "layers": _COUNT,
    "learning_rate": (1e-9, 1),
    "max_tokens": _LARGE,
    "most_error": (0, 0.99),
    "open_book": _SHARE,
    "parent_characters": _COUNT,
    "passage_tokens": _LARGE,
    "rank": _LARGE,
    "replay": (0, 0.9),
    "rerank_depth": _LARGE,
    "shot_tokens": _LARGE,
    "shots": _COUNT,
    "shrinkage": _COUNT,
    "terse": _SHARE,
    "warmup": _SHARE,
    "weight_decay": _COUNT,
    "written_questions": _COUNT,
    "wrong_passages": _COUNT,
}
"""By setting, whatever the method; both ends are allowed."""


def out_of_limits(name: str, value: Json) -> str:
    """What is wrong with a setting's number, or with one of its list; empty when nothing is."""
    if name not in LIMITS:
        return ""
    least, most = LIMITS[name]
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, int | float) and not (least <= one <= most and math.isfinite(one)):
            upwards = f"{least:g} or more" if most == NO_LIMIT else f"{least:g} to {most:g}"
            return f"{name} = {one}; use {upwards}"
    return ""
