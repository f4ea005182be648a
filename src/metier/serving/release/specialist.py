"""A released specialist: a plain directory with a card, which answers as it was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier import serial
from metier.errors import DataError, ModelFileError
from metier.methods import method
from metier.methods.candidate import read as read_candidate
from metier.models.versions import weights_of
from metier.protocols import Answerer, Models
from metier.scoped import within
from metier.serving.release.questions import save_questions
from metier.store import replace_directory, write_text
from metier.types import (
    Answer,
    Candidate,
    Engine,
    Estimate,
    Message,
    Release,
    RunReport,
    Scope,
)

RELEASE_FILE = "release.json"


class Specialist:
    """Loaded from a release directory; asks the same ``Answerer`` that was measured."""

    def __init__(self, directory: Path, models: Models) -> None:
        self.directory = directory
        self.release = read_release(directory)
        _check_weights(self.release, directory)
        self.candidate: Candidate = read_candidate(directory)
        self._answerer = method(self.candidate.method).load(self.candidate, directory, models)

    def ask(self, text: str, *, scope: Scope | None = None) -> Answer:
        """Answer one input, as the tenant and as of the day of ``scope``."""
        return self.ask_all([text], scope=scope)[0]

    def ask_all(self, texts: Sequence[str], *, scope: Scope | None = None) -> list[Answer]:
        """Answer many inputs in one batch; see ``within``."""
        for place, text in enumerate(texts, start=1):
            if not text or text.isspace():
                raise DataError(f"question {place} of {len(texts)} is empty; give it a text")
        asked = within(self._answerer, scope or Scope())
        return asked.answer([(Message("user", text),) for text in texts])

    def within(self, scope: Scope) -> Answerer:
        """What answers whole conversations in this scope, as evaluation asks them.

        Raises ``DataError`` for a day that is none, and for any day where it looks nothing up.
        """
        return within(self._answerer, scope)


def load(directory: Path | str | None, *, models: Models | None = None) -> Specialist:
    """Load a released specialist; ``models`` defaults to local engines as at its release."""
    if directory is None:  # what `run` gives where it recommends none
        raise ModelFileError(
            "there is no specialist to load, since no rung was recommended: the result's decision "
            'says why; metier.release(RECIPE, "RUNG") releases one all the same'
        )
    path = Path(directory)
    if models is None:
        from metier.models.registry import LocalModels

        models = LocalModels(engine=read_release(path).engine)
    return Specialist(path, models)


def release(
    candidate: Candidate,
    directory: Path,
    target: Path,
    *,
    report: RunReport,
    engine: Engine,
    weights: Mapping[str, str],
) -> Path:
    """Save a candidate with its card to ``target``, replacing what was released there before.

    ``weights`` are the fingerprints of the local models that it asks.
    """
    replace_directory(directory, target)
    made = Release(candidate.rung, engine, report.created, report.versions, weights)
    write_text(target / RELEASE_FILE, serial.dump(made))
    write_text(target / "README.md", card(candidate, report))
    save_questions(report.dataset.train, target)
    return target


def read_release(directory: Path) -> Release:
    """What the specialist in this directory says about itself."""
    if not (directory / RELEASE_FILE).exists():
        raise ModelFileError(f"{directory} holds no released specialist; `metier run` makes one")
    return serial.read(Release, directory / RELEASE_FILE)


def _check_weights(made: Release, directory: Path) -> None:
    for name, measured in made.weights.items():
        found = weights_of(name)
        if found is not None and found != measured:
            raise ModelFileError(
                f"{directory}: the weights of {name} are not those that it was measured with; "
                "put those back, or measure it with these: metier run"
            )


def card(candidate: Candidate, report: RunReport) -> str:
    """The card: what it does, how well on what, what it cost, what it forgot."""
    measured = next(s for s in report.scorecards if s.rung == candidate.rung)
    lines = [
        f"# {report.name}: {candidate.rung}",
        "",
        candidate.task.instruction,
        "",
        "```python",
        "import metier",
        "",
        'print(metier.load("THIS DIRECTORY").ask("...").text)',
        "```",
        "",
        "## Measured",
        "",
        "| metric | value | 95 % interval | n |",
        "|---|---|---|---|",
    ]
    lines += [_row(name, estimate) for name, estimate in measured.metrics.items()]
    if measured.cost_per_thousand:
        lines.append(_row("US dollars per thousand calls", measured.cost_per_thousand))
    for kept in (r for r in report.retention if r.rung == candidate.rung):
        lines.append(_row(f"kept of the base model: {kept.suite}", kept.ratio))
    lines += [
        "",
        "## Made from",
        "",
        f"- base model: {candidate.base or 'none'}",
        f"- method: {candidate.method}, settings {json.dumps(dict(candidate.settings))}",
        f"- {len(report.dataset.train)} training rows, {len(report.dataset.dev)} to choose, "
        f"{len(report.dataset.test)} to grade; dataset version {report.dataset.version}",
        f"- corpus version {report.corpus.version}",
        f"- seed {candidate.seed}; measured on {report.hardware}",
        "",
        "## Verdict",
        "",
        *_against(candidate.rung, report.decision.rung),
        *(f"- {reason}" for reason in report.decision.reasons),
    ]
    if candidate.task.labels:
        lines += ["", "## Labels", "", *(f"- {label}" for label in candidate.task.labels)]
    return "\n".join(lines) + "\n"


def _against(released: str, recommended: str | None) -> list[str]:
    """That a person chose otherwise, where one did."""
    if released == recommended:
        return []
    return [f"- Released by choice: the verdict recommends {recommended or 'no rung'}."]


def _row(name: str, estimate: Estimate) -> str:
    return (
        f"| {name} | {estimate.value:.4g} | {estimate.low:.4g} to {estimate.high:.4g} "
        f"| {estimate.n} |"
    )
