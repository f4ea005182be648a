"""A language model behind a layout of prompts, answering in labels or in its own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from metier.errors import DataError, ModelFileError
from metier.methods.classify import question
from metier.methods.label_prior import check_calibrate
from metier.methods.linear import softmax
from metier.protocols import FitContext, LanguageModel
from metier.types import (
    ABSTENTION,
    Answer,
    Candidate,
    Completion,
    Conversation,
    GenerateConfig,
    LabelScores,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Layout = Callable[[Sequence[str]], Sequence[Conversation]]
"""From texts to what the model is shown for each."""


class ModelAnswerer:
    """Answers with one model; the layout turns texts into the conversations to show."""

    def __init__(self, model: LanguageModel, candidate: Candidate, lay_out: Layout) -> None:
        self._model = model
        self._task = candidate.task
        self._lay_out = lay_out
        self._constrained = bool(candidate.settings["constrained"])
        self._prior: Sequence[float] | None = candidate.settings.get("prior")

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """Score every label, or write; inputs are cut at ``task.max_input_tokens``."""
        if not batch:
            return []
        prompts = self.prompts([question(conversation) for conversation in batch])
        if self._task.kind == "classification" and self._constrained:
            return self._choose(prompts)
        return self._write(prompts)

    def prompts(self, texts: Sequence[str]) -> Sequence[Conversation]:
        """What the model is shown for each text."""
        return self._lay_out(
            [self._model.truncate(text, self._task.max_input_tokens) for text in texts]
        )

    def log_likelihoods(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Shape (texts, labels), natural logs, the prior still in them."""
        import numpy as np

        scored = self._model.score_labels(self.prompts(texts), self._task.labels)
        return np.array([scores.log_likelihoods for scores in scored], dtype=np.float64)

    def label_probabilities(self, scored: Sequence[LabelScores]) -> NDArray[np.float64]:
        """Shape (texts, labels): softmax over the labels, over the prior where there is one."""
        import numpy as np

        logits = np.array([scores.log_likelihoods for scores in scored], dtype=np.float64)
        if self._prior is not None:
            logits -= np.log(np.array(self._prior))
        return softmax(logits)

    def _choose(self, prompts: Sequence[Conversation]) -> list[Answer]:
        labels = self._task.labels
        scored = self._model.score_labels(prompts, labels)
        rows = self.label_probabilities(scored)
        return [
            Answer(
                text=labels[int(row.argmax())],
                usage=scores.usage,
                prompt=prompt,
                probabilities=dict(zip(labels, row.tolist(), strict=True)),
            )
            for prompt, scores, row in zip(prompts, scored, rows, strict=True)
        ]

    def _write(self, prompts: Sequence[Conversation]) -> list[Answer]:
        config = GenerateConfig(max_new_tokens=self._task.max_answer_tokens)
        answers = []
        for prompt, written in zip(prompts, self._model.generate(prompts, config), strict=True):
            answer = in_own_words(written, prompt)
            label = parse_label(answer.text, self._task.labels)
            answers.append(replace(answer, text=label) if label else answer)
        return answers


def in_own_words(written: Completion, prompt: Conversation) -> Answer:
    """What a model wrote as an answer; one that begins by not knowing abstains."""
    text = written.text.strip()
    plain = text.casefold().replace("don't", "do not").replace("don’t", "do not")
    abstained = plain.startswith(ABSTENTION.casefold().rstrip("."))
    return Answer(text, written.usage, prompt, abstained=abstained)


def parse_label(text: str, labels: Sequence[str]) -> str | None:
    """The one label that a freely written answer names, or None.

    The first line decides if it names a label, then the whole text. Of labels that contain each
    other (``xml``, ``xml.sax``) the longer one counts; an answer that names two different labels
    has not chosen.
    """
    first_line = text.strip().partition("\n")[0]
    for part in (first_line, text):
        named = _named(part, labels)
        if named:
            return named[0] if len(named) == 1 else None
    return None


def _named(text: str, labels: Sequence[str]) -> list[str]:
    rest = text.casefold()
    named = []
    for label in sorted(labels, key=len, reverse=True):
        pattern = rf"(?<![\w.-]){re.escape(label.casefold())}(?![\w-]|\.\w)"
        rest, count = re.subn(pattern, "\0", rest)
        if count:
            named.append(label)
    return named


def check_settings(rung: str, context: FitContext) -> None:
    """Raise ``DataError`` for settings or a task that no prompt can be made of."""
    check_calibrate(rung, context)
    if context.task.kind == "classification" and not context.task.labels:
        raise DataError(f"rung {rung!r}: the task has no labels to choose from; list them")


def base_of(candidate: Candidate) -> str:
    """The candidate's base model; ``ModelFileError`` when it names none."""
    if candidate.base is None:
        raise ModelFileError(f"the candidate {candidate.rung!r} names no base; fit it again")
    return candidate.base
