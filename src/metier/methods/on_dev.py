"""What dev questions set of a reader: how sure it says it is, when it is silent or looks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from metier.errors import DataError
from metier.methods.grounded import GroundedAnswerer, confidence
from metier.protocols import FitContext
from metier.retrieval.grounding.abstain import Promise, set_threshold
from metier.retrieval.grounding.calibrate import calibrated, fit_calibration
from metier.retrieval.grounding.need import Need, fit_need
from metier.scoped import answers_to
from metier.types import Answer, Calibration, Candidate, Hit, Json, Message, Scope

DEFAULTS: Mapping[str, Json] = {
    "calibrate": False,
    "most_error": 0.0,
    "dynamic_threshold": 0.0,
}
"""The settings of a rung that dev questions are asked for; see ``Retrieve``."""


def asks_dev(settings: Mapping[str, Json]) -> bool:
    """Whether any of these settings is on."""
    return any(settings[name] for name in DEFAULTS)


def check(rung: str, context: FitContext) -> None:
    """``DataError`` where the settings ask for what cannot be set, or for absent dev questions."""
    settings = context.settings
    threshold = settings["dynamic_threshold"]
    if not 0 <= threshold <= 1:
        raise DataError(
            f"rung {rung!r}: dynamic_threshold = {threshold}; use 0 (look everything up) to 1"
        )
    if threshold and settings["most_error"] > 0:
        raise DataError(
            f"rung {rung!r}: most_error keeps silent where no passage supports an answer, and "
            "dynamic_threshold answers without passages; leave one of them out"
        )
    if threshold and not context.dev:
        raise DataError(
            f"rung {rung!r}: dynamic_threshold needs dev questions to learn from which questions "
            "need the documents (dev in [split]); leave dynamic_threshold out"
        )
    asked = next((name for name in ("most_error", "calibrate") if settings[name]), None)
    if asked and (not context.dev or context.task.kind == "classification"):
        raise DataError(
            f"rung {rung!r}: {asked} needs written answers and dev questions to set it on; "
            f"leave {asked} out"
        )


def set_on_dev(fitted: Candidate, reader: GroundedAnswerer, context: FitContext) -> Candidate:
    """With the calibration, the least confidence and the need that the dev questions ask for."""
    given = answers_to(reader, context.dev)
    right = _right(context, given)
    sure = [confidence(answer) for answer in given]
    settings, trials = dict(fitted.settings), list(fitted.trials)
    if settings["calibrate"]:
        calibration = _calibration(fitted.rung, sure, right)
        sure = [calibrated(one, calibration) for one in sure]
        settings["calibration"] = asdict(calibration)
        trials.append({"calibrated_on": len(right), "right": sum(right), **asdict(calibration)})
    if settings["most_error"] > 0:
        threshold = set_threshold(
            sure,
            [not one for one in right],
            promise=Promise(error=float(settings["most_error"])),
            groups=[row.group or row.id for row in context.dev],
        )
        # Nothing is surer than 1: where no threshold keeps the promise, it never answers.
        settings["least_confidence"] = 1.0 if threshold.score is None else threshold.score
        trials.append(asdict(threshold))
    if settings["dynamic_threshold"] > 0:
        asked = [(Message("user", row.input),) for row in context.dev]
        alone = _right(context, reader.answer_alone(asked))
        needed = [behind and not known for behind, known in zip(right, alone, strict=True)]
        found = [
            reader.within(Scope(tenant=row.tenant)).find([one])[0]
            for row, one in zip(context.dev, asked, strict=True)
        ]
        need = _need(fitted.rung, context, found, needed)
        settings["need"] = asdict(need.model)
        trials.append({"need_fitted_on": len(needed), "needed": sum(needed)})
    return replace(fitted, settings=settings, trials=tuple(trials))


def _right(context: FitContext, given: Sequence[Answer]) -> list[bool]:
    return [context.score(row, answer) >= 1 for row, answer in zip(context.dev, given, strict=True)]


def _need(
    rung: str, context: FitContext, found: Sequence[Sequence[Hit]], needed: Sequence[bool]
) -> Need:
    try:
        return fit_need([row.input for row in context.dev], found, needed)
    except DataError as error:
        raise DataError(
            f"rung {rung!r}: {error} (dev in [split] sets how many), or leave dynamic_threshold out"
        ) from error


def _calibration(rung: str, sure: list[float], right: list[bool]) -> Calibration:
    try:
        found = fit_calibration(sure, right)
    except DataError as error:
        raise DataError(
            f"rung {rung!r}: {error} (dev in [split] sets how many), or leave calibrate out"
        ) from error
    if found.slope <= 0:
        raise DataError(
            f"rung {rung!r}: of {len(right)} dev answers the surer ones are no oftener right, so "
            "no confidence can be shown for them; leave calibrate out"
        )
    return found
