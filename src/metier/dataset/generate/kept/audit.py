"""How many of the accepted rows are wrong, judged by a person on a random sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from metier import serial
from metier.errors import DataError
from metier.stats import proportion
from metier.store import write_text
from metier.types import AuditResult, AuditVerdict, GeneratedRow, content_hash

SAMPLE = 100
"""With 5 wrong of 100 the interval runs from 2 to 11 %; halving it takes four times as many."""


def draw(rows: Sequence[GeneratedRow], *, seed: int, count: int = SAMPLE) -> list[GeneratedRow]:
    """The sample: the same rows for the same dataset and seed, whatever their order.

    By the rank of a hash of seed and id: verdicts stay of use when other rows come and go.
    """
    return sorted(rows, key=lambda row: content_hash([seed, row.id]))[:count]


def read_verdicts(path: Path) -> dict[str, AuditVerdict]:
    """The verdicts recorded so far, by row; none where there is no file yet."""
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                verdict = serial.from_json(AuditVerdict, json.loads(line))
            except (ValueError, ValidationError) as error:
                raise DataError(f"{path}:{number} is no verdict: {error}") from None
            found[verdict.row] = verdict
    return found


def keep_verdict(path: Path, verdict: AuditVerdict) -> None:
    """Record one verdict; a later one on the same row takes its place."""
    kept = read_verdicts(path) | {verdict.row: verdict}
    lines = [json.dumps(serial.to_json(one), ensure_ascii=False) for one in kept.values()]
    write_text(path, "".join(line + "\n" for line in lines))


def result(sample: Sequence[GeneratedRow], verdicts: dict[str, AuditVerdict]) -> AuditResult | None:
    """The error rate over the rows judged so far; None before the first."""
    judged = [verdicts[row.id] for row in sample if row.id in verdicts]
    if not judged:
        return None
    wrong = tuple(verdict for verdict in judged if not verdict.right)
    return AuditResult(proportion(len(wrong), len(judged)), len(sample), wrong)
