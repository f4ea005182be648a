"""Asks the base model: instruction and label list first, then the text, with or without shots."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.methods.asking import ModelAnswerer, base_of, check_settings
from metier.methods.label_prior import kept_with_prior
from metier.protocols import FitContext, Models
from metier.types import Candidate, Conversation, Json, Message, Task


def prompt_for(
    task: Task,
    text: str,
    *,
    label_list: bool = True,
    role: bool = True,
    shots: Sequence[tuple[str, str]] = (),
) -> Conversation:
    """Lay out one question; tuning, evaluation and serving all show the model this.

    What is the same for all items comes first, so that a prefix cache reads it once. ``shots``
    are texts with their answers and come as turns of their own: the form in which the model
    itself was taught to answer.
    """
    opening = _opening(task, label_list=label_list)
    turns = [Message("system", task.role)] if role and task.role else []
    for shown, answer in shots:
        turns += [Message("user", f"{opening}{shown}"), Message("assistant", answer)]
        opening = ""
    return (*turns, Message("user", f"{opening}{text}"))


def _opening(task: Task, *, label_list: bool) -> str:
    lines = [task.instruction.strip()] if task.instruction.strip() else []
    if label_list and task.labels:
        lines.append(f"Answer with one of: {', '.join(task.labels)}.")
    return "".join(f"{line}\n\n" for line in lines)


class Prompt:
    """Zero-shot: the base model as it is, told what to do.

    ``label_list`` and ``role`` put those into the prompt. ``constrained`` answers with the most
    likely label; without it the model writes freely and may miss the enum. ``calibrate`` divides
    by the labels' prior, which takes out the model's liking for certain labels: ``contextual``
    asks about texts without content, ``batch`` about dev texts, ``none`` leaves it in, and
    ``on_dev`` takes what is right most often on dev (see ``label_prior``).
    """

    name = "prompt"
    defaults: Mapping[str, Json] = {
        "label_list": True,
        "role": True,
        "constrained": True,
        "calibrate": "on_dev",
    }

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """The base."""
        return ("base",)

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Learn nothing but, with ``calibrate``, the labels' prior; keep the settings."""
        started = time.perf_counter()
        check_settings(rung, context)
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings=dict(context.settings),
            base=context.base,
            seed=context.seed,
        )
        answerer = self.load(fitted, context.workdir, context.models)
        return kept_with_prior(fitted, answerer.log_likelihoods, context, started=started)

    def load(self, candidate: Candidate, directory: Path, models: Models) -> ModelAnswerer:
        """Return the base model behind the prompt."""
        task, settings = candidate.task, candidate.settings
        label_list, role = bool(settings["label_list"]), bool(settings["role"])

        def lay_out(texts: Sequence[str]) -> list[Conversation]:
            return [prompt_for(task, text, label_list=label_list, role=role) for text in texts]

        return ModelAnswerer(models.language_model(base_of(candidate)), candidate, lay_out)
