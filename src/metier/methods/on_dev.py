"""What a reader's own dev questions set: how its confidence is shown, and when it keeps silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from metier.errors import DataError
from metier.methods.grounded import GroundedAnswerer, confidence
from metier.protocols import FitContext
from metier.retrieval.grounding.abstain import Promise, set_threshold
from metier.retrieval.grounding.calibrate import calibrated, fit_calibration
from metier.scoped import answers_to
from metier.types import Calibration, Candidate, Json

DEFAULTS: Mapping[str, Json] = {"calibrate": False, "most_error": 0.0}
"""The settings of a rung that dev questions are asked for; see ``Retrieve``."""


def asks_dev(settings: Mapping[str, Json]) -> bool:
    """Whether any of these settings is on."""
    return bool(settings["calibrate"]) or settings["most_error"] > 0


def check(rung: str, context: FitContext) -> None:
    """``DataError`` where the settings ask for dev questions that are not there."""
    if not asks_dev(context.settings):
        return
    if not context.dev or context.task.kind == "classification":
        asked = "most_error" if context.settings["most_error"] > 0 else "calibrate"
        raise DataError(
            f"rung {rung!r}: {asked} needs written answers and dev questions to set it on; "
            f"leave {asked} out"
        )


def set_on_dev(fitted: Candidate, reader: GroundedAnswerer, context: FitContext) -> Candidate:
    """With the calibration and the least confidence that the dev questions ask for."""
    given = answers_to(reader, context.dev)
    right = [
        context.score(row, answer) >= 1 for row, answer in zip(context.dev, given, strict=True)
    ]
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
    return replace(fitted, settings=settings, trials=tuple(trials))


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
