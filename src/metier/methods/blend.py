"""Asks several rungs at once and weighs their probabilities."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.methods import candidate as candidates
from metier.methods import method
from metier.methods.classify import answers, check_classification, targets
from metier.methods.linear import log_loss, softmax
from metier.protocols import Answerer, FitContext, Models
from metier.scoped import answers_to, check_tenant_alone, within
from metier.types import Answer, Candidate, Conversation, Example, Json, Scope, Usage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEMBERS = "members"

_BATCH = 32


class Blend:
    """The weighted geometric mean of other rungs' probabilities.

    ``members`` names rungs that stand above this one on the ladder; empty means all that give
    probabilities, except the majority. The weights have the least log loss on dev, plus
    ``shrinkage`` times their squared distance from equal weights: with a few hundred dev rows
    the best weights are known only roughly, and equal ones are hard to beat. Geometric, since
    a member that is sure that a label is wrong should be heard (Hinton 2002).
    """

    name = "blend"
    defaults: Mapping[str, Json] = {"members": [], "shrinkage": 0.1}

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """Nothing of its own: its members did."""
        return ()

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Ask every member about dev, find the weights, copy the members."""
        started = time.perf_counter()
        check_classification(rung, self.name, context)
        names = _members(rung, context)
        if not context.dev:
            raise DataError(f"rung {rung!r}: a blend finds its weights on dev rows; split some off")
        members = [context.fitted[name] for name in names]
        logs = [_log_probabilities(rung, one, context.dev, context.models) for one in members]
        weights = best_weights(
            logs,
            targets(context.task, context.dev),
            shrinkage=float(context.settings["shrinkage"]),
        )
        for name, (_, directory) in zip(names, members, strict=True):
            _copy(directory, context.workdir / MEMBERS / name)
        learnt = {row for member, _ in members for row in member.train_examples}
        candidate = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**context.settings, "members": names, "weights": weights},
            base=next((member.base for member, _ in members if member.base), None),
            files=tuple(f"{MEMBERS}/{name}" for name in names),
            train_examples=tuple(sorted(learnt)),
            seed=context.seed,
        )
        trained = sum(member.train_seconds for member, _ in members)
        candidate = candidates.timed(candidate, started, taken_over=trained)
        candidates.save(candidate, context.workdir)
        return candidate

    def load(self, candidate: Candidate, directory: Path, models: Models) -> BlendAnswerer:
        """Load every member from its copy inside the candidate's directory."""
        members = []
        for name in candidate.settings["members"]:
            place = directory / MEMBERS / name
            member = candidates.read(place)
            members.append(method(member.method).load(member, place, models))
        return BlendAnswerer(candidate.task.labels, members, candidate.settings["weights"])


class BlendAnswerer:
    """Asks all members; the usage is the sum of theirs."""

    def __init__(
        self, labels: Sequence[str], members: Sequence[Answerer], weights: Sequence[float]
    ) -> None:
        self._labels = labels
        self._members = members
        self._weights = weights

    def within(self, scope: Scope) -> BlendAnswerer:
        """The same blend of members that keep to this tenant; ``DataError`` for a day.

        Of a day some members may have nothing to say, and no probabilities to weigh.
        """
        check_tenant_alone(scope)
        members = [within(member, scope) for member in self._members]
        return BlendAnswerer(self._labels, members, self._weights)

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """Answer each by what all members say; shows the prompt of the first that has one."""
        import numpy as np

        if not batch:
            return []
        said = [member.answer(batch) for member in self._members]
        logs = [_logs(self._labels, one) for one in said]
        mixed = softmax(np.tensordot(np.array(self._weights), np.stack(logs), axes=1))
        return [
            Answer(
                answer.text,
                sum((one.usage for one in parts), Usage()),
                next((one.prompt for one in parts if one.prompt), ()),
                answer.probabilities,
            )
            for answer, parts in zip(
                answers(self._labels, mixed), zip(*said, strict=True), strict=True
            )
        ]


def best_weights(
    logs: Sequence[NDArray[np.float64]], gold: NDArray[np.int64], *, shrinkage: float
) -> list[float]:
    """Weights of at least 0 for log probabilities of shape (rows, labels) per member.

    They need not sum to 1: members that err apart are together surer than each alone.
    """
    import numpy as np
    from scipy.optimize import minimize

    stacked = np.stack(logs)
    equal = np.full(len(logs), 1 / len(logs))

    def loss(weights: NDArray[np.float64]) -> float:
        mixed = softmax(np.tensordot(weights, stacked, axes=1))
        # The distance is from equal shares of the weights' own sum: the sum itself is free.
        spread = weights - equal * weights.sum()
        return log_loss(mixed, gold) + shrinkage * float(spread @ spread)

    found = minimize(loss, equal, bounds=[(0.0, 10.0)] * len(logs), method="L-BFGS-B")
    return [round(float(weight), 6) for weight in found.x]


def _members(rung: str, context: FitContext) -> list[str]:
    wanted = list(context.settings["members"])
    missing = [name for name in wanted if name not in context.fitted]
    if missing:
        raise DataError(
            f"rung {rung!r}: no rung {missing[0]!r} stands above it on the ladder "
            f"(there are: {', '.join(context.fitted) or 'none'}); put it before the blend"
        )
    chosen = wanted or [
        name
        for name, (member, _) in context.fitted.items()
        if member.method not in ("majority", "blend") and member.settings.get("constrained", True)
    ]
    if len(chosen) < 2:
        raise DataError(
            f"rung {rung!r}: a blend needs two members or more, here {', '.join(chosen) or 'none'}"
        )
    return chosen


def _log_probabilities(
    rung: str, member: tuple[Candidate, Path], rows: Sequence[Example], models: Models
) -> NDArray[np.float64]:
    candidate, directory = member
    answerer = method(candidate.method).load(candidate, directory, models)
    said: list[Answer] = []
    for start in range(0, len(rows), _BATCH):
        said += answers_to(answerer, rows[start : start + _BATCH])
    if any(answer.probabilities is None for answer in said):
        raise DataError(
            f"rung {rung!r}: the member {candidate.rung!r} gives no probabilities; leave it out"
        )
    return _logs(candidate.task.labels, said)


def _logs(labels: Sequence[str], said: Sequence[Answer]) -> NDArray[np.float64]:
    """Shape (answers, labels); nothing is quite impossible, or one member could veto."""
    import numpy as np

    rows = [[(one.probabilities or {})[label] for label in labels] for one in said]
    logs: NDArray[np.float64] = np.log(np.maximum(np.array(rows), 1e-6))
    return logs


def _copy(directory: Path, place: Path) -> None:
    """Copy a member; what an earlier, killed attempt left is replaced."""
    aside = place.with_name(f"{place.name}.part")
    for left in (aside, place):
        if left.exists():
            shutil.rmtree(left)
    shutil.copytree(directory, aside)
    os.replace(aside, place)
