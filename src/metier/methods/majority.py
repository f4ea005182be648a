"""Says the most frequent label of the training rows: the floor that every rung has to beat."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.methods import candidate as candidates
from metier.methods.classify import check_classification, targets
from metier.protocols import FitContext, Models
from metier.types import Answer, Candidate, Conversation, Json


class Majority:
    """Reads nothing; its probabilities are the labels' shares of the training rows."""

    name = "majority"
    defaults: Mapping[str, Json] = {}

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """Nothing but rows."""
        return ()

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Count the labels; one is added to each count, so that no label is impossible."""
        started = time.perf_counter()
        check_classification(rung, self.name, context)
        import numpy as np

        counts = np.bincount(
            targets(context.task, context.train), minlength=len(context.task.labels)
        )
        shares = (counts + 1) / (counts + 1).sum()
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**context.settings, "shares": [float(share) for share in shares]},
            train_examples=tuple(example.id for example in context.train),
            train_seconds=time.perf_counter() - started,
            seed=context.seed,
        )
        candidates.save(fitted, context.workdir)
        return fitted

    def load(self, candidate: Candidate, directory: Path, models: Models) -> _MajorityAnswerer:
        """Return what always answers the same; needs no file and no model."""
        shares = candidate.settings["shares"]
        return _MajorityAnswerer(dict(zip(candidate.task.labels, shares, strict=True)))


class _MajorityAnswerer:
    def __init__(self, shares: Mapping[str, float]) -> None:
        self._answer = Answer(
            text=max(shares, key=lambda label: shares[label]), probabilities=shares
        )

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        return [self._answer for _ in batch]
