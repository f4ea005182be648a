"""Tunes the base model with LoRA, its rate and its checkpoint chosen on the dev split."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.methods import candidate as candidates
from metier.methods.asking import base_of, in_own_words
from metier.methods.classify import answers, question
from metier.methods.known_names import FILE as NAMES
from metier.methods.known_names import KnownNames, learnt_texts
from metier.methods.linear import softmax
from metier.methods.tuning.mixture import DEFAULTS as MIXTURE
from metier.protocols import FitContext, LanguageModel, Models
from metier.types import (
    ABSTENTION,
    Answer,
    Candidate,
    Conversation,
    GenerateConfig,
    Json,
    Message,
    Task,
    content_hash,
)

if TYPE_CHECKING:
    from metier.methods.tuning.training import Trial

ADAPTER = "adapter"


def conversation(task: Task, text: str) -> Conversation:
    """What a tuned model is shown, in training and in serving: the role, if any, and the text.

    Instruction and label list are left out: the weights learn both, and on a CPU every token of
    the prompt is paid for in each epoch and each call.
    """
    turns = (Message("system", task.role),) if task.role else ()
    return (*turns, Message("user", text))


class Lora:
    """LoRA on the upper layers of the base, through TRL and PEFT.

    ``layers`` counts the tuned layers from the top; those below are frozen, so they read every
    text once for all epochs and rates. ``learning_rate`` is a number or a list to choose from.
    ``max_tokens`` cuts the input shorter than the task's own limit where it is smaller.
    ``documents``, ``open_book``, ``wrong_passages``, ``terse`` and ``replay`` mix in further rows:
    see ``metier.methods.tuning.mixture``. ``known_names`` answers "I do not know." to a question
    whose names stand together in nothing that was learnt: see ``metier.methods.known_names``.
    """

    name = "lora"
    tunes_base = True
    defaults: Mapping[str, Json] = {
        "rank": 16,
        "alpha": 32,
        "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        "layers": 6,
        "dropout": 0.0,
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": [1e-3],
        "warmup": 0.05,
        "weight_decay": 0.0,
        "max_tokens": 256,
        "known_names": False,
        **MIXTURE,
    }

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """The base, and the documents where they are mixed in."""
        return ("base", "corpus") if settings["documents"] or settings["open_book"] else ("base",)

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Train one adapter per learning rate and keep the best; goes on where a kill left it.

        Raises ``DataError`` for rows or settings that cannot be trained on.
        """
        started = time.perf_counter()
        _check(rung, context)
        trials_directory = context.workdir / f"trials-{_fingerprint(context)}"
        before = _seconds_spent(context, trials_directory)
        trials = _run_trials(context, trials_directory)
        best = max(trials, key=lambda rate: _merit(trials[rate]))
        ranked = sorted(trials, key=lambda rate: -_merit(trials[rate]))
        _keep_adapter(trials_directory / f"{best:g}" / ADAPTER, context.workdir / ADAPTER)
        files = [f"{ADAPTER}/{path.name}" for path in sorted((context.workdir / ADAPTER).iterdir())]
        if context.settings["known_names"]:
            KnownNames.of(learnt_texts(context)).write(context.workdir / NAMES)
            files.append(NAMES)
        chosen = trials[best].chosen
        temperature = 1.0 if chosen is None else chosen.temperature
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**context.settings, "temperature": temperature},
            base=context.base,
            files=tuple(files),
            train_examples=tuple(example.id for example in context.train),
            trials=tuple(trials[rate].record() for rate in ranked),
            seed=context.seed,
        )
        fitted = candidates.timed(fitted, started, taken_over=before)
        candidates.save(fitted, context.workdir)
        shutil.rmtree(trials_directory)
        return fitted

    def load(self, candidate: Candidate, directory: Path, models: Models) -> TunedAnswerer:
        """Return the base with the adapter on."""
        model = models.language_model(base_of(candidate), adapter=directory / ADAPTER)
        names = KnownNames.read(directory / NAMES) if NAMES in candidate.files else None
        return TunedAnswerer(model, candidate, names)


class TunedAnswerer:
    """Answers with a tuned model: the most likely label, or text of its own."""

    def __init__(
        self, model: LanguageModel, candidate: Candidate, names: KnownNames | None = None
    ) -> None:
        """With ``names``, a question that names strangers is answered without the model."""
        self._model = model
        self._names = names
        self._task = candidate.task
        self._temperature = float(candidate.settings["temperature"])
        self._max_tokens = min(
            candidate.task.max_input_tokens, int(candidate.settings["max_tokens"])
        )

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """Label probabilities are calibrated: softmax at the temperature fitted on dev."""
        texts = [question(asked) for asked in batch]
        if self._task.kind == "classification":
            return self._choose([self.prompt(text) for text in texts])
        known = {n: self.prompt(text) for n, text in enumerate(texts) if self._knows(text)}
        config = GenerateConfig(max_new_tokens=self._task.max_answer_tokens)
        answers = [Answer(ABSTENTION, abstained=True)] * len(texts)
        written = self._model.generate(list(known.values()), config) if known else []
        for (n, prompt), completion in zip(known.items(), written, strict=True):
            answers[n] = in_own_words(completion, prompt)
        return answers

    def prompt(self, text: str) -> Conversation:
        """What the model is shown for this text."""
        return conversation(self._task, self._model.truncate(text, self._max_tokens))

    def _knows(self, text: str) -> bool:
        return self._names is None or self._names.knows(text)

    def _choose(self, prompts: Sequence[Conversation]) -> list[Answer]:
        import dataclasses

        import numpy as np

        scored = self._model.score_labels(prompts, self._task.labels)
        logs = np.array([scores.log_likelihoods for scores in scored], dtype=np.float64)
        chosen = answers(self._task.labels, softmax(logs / self._temperature))
        return [
            dataclasses.replace(answer, usage=scores.usage, prompt=prompt)
            for answer, scores, prompt in zip(chosen, scored, prompts, strict=True)
        ]


def _check(rung: str, context: FitContext) -> None:
    if not context.train:
        raise DataError(f"rung {rung!r}: there is no training row; add rows with answers")
    if not _rates(context.settings):
        raise DataError(f"rung {rung!r}: learning_rate is an empty list; give a rate such as 1e-3")
    labels = set(context.task.labels)
    if context.task.kind != "classification":
        return
    if context.settings["known_names"]:
        raise DataError(
            f'rung {rung!r}: known_names answers "I do not know.", which is none of the labels; '
            "leave it out"
        )
    for example in (*context.train, *context.dev):
        if example.target not in labels:
            raise DataError(
                f"rung {rung!r}: example {example.id!r} has the label {example.target!r}, which "
                f"is none of the task's ({', '.join(context.task.labels)}); add it or mend the row"
            )


def _rates(settings: Mapping[str, Json]) -> list[float]:
    given = settings["learning_rate"]
    return [float(rate) for rate in (given if isinstance(given, list | tuple) else [given])]


def _fingerprint(context: FitContext) -> str:
    """Trials of other settings or rows are never taken for this one's."""
    rows = [[row.id, row.input, row.target] for row in (*context.train, *context.dev)]
    settings = dict(context.settings)
    task = [
        context.task.kind,
        context.task.role,
        context.task.labels,
        context.task.max_input_tokens,
    ]
    corpus = context.corpus.version if context.corpus else None
    made_from = [rows, len(context.dev), settings, task, context.base, corpus, context.seed]
    return content_hash(made_from)


def _merit(trial: Trial) -> float:
    return 0.0 if trial.chosen is None else trial.chosen.log_likelihood


def _keep_adapter(found: Path, kept: Path) -> None:
    aside = kept.with_name(f"{kept.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(found, aside, ignore=shutil.ignore_patterns("README.md"))
    shutil.rmtree(kept, ignore_errors=True)
    os.replace(aside, kept)


def _seconds_spent(context: FitContext, directory: Path) -> float:
    """Of attempts that were killed, for what is gone on from."""
    from metier.methods.tuning.training import seconds_spent

    return sum(seconds_spent(directory / f"{rate:g}") for rate in _rates(context.settings))


def _run_trials(context: FitContext, directory: Path) -> dict[float, Trial]:
    from metier.methods.tuning.training import finished, train
    from metier.methods.tuning.workbench import Workbench

    done = {rate: finished(directory / f"{rate:g}") for rate in _rates(context.settings)}
    trials = {rate: trial for rate, trial in done.items() if trial is not None}
    if len(trials) < len(done):
        workbench = Workbench(context, lambda text: conversation(context.task, text))
        for rate in (rate for rate in done if rate not in trials):
            place = directory / f"{rate:g}"
            with workbench.fresh_adapter(rate) as (model, tuning):
                trials[rate] = train(
                    model, workbench.rows, workbench.dev, tuning, place, context.progress
                )
    return {rate: trials[rate] for rate in done}
