"""Sentence embeddings under a logistic regression."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.methods import candidate as candidates
from metier.methods import linear
from metier.methods.classify import answers, check_classification, question, targets
from metier.protocols import Embedder, FitContext, Models
from metier.types import Answer, Candidate, Conversation, Json


class Embedding:
    """A small encoder that was taught what texts are alike, and a linear classifier on top.

    Long texts are read whole: the embedder averages over windows, since the label may show
    only past the encoder's first 256 tokens.
    """

    name = "embedding"
    defaults: Mapping[str, Json] = {}

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """The embedder."""
        return ("embedder",)

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Embed train and dev once, choose the regularisation on dev, fit on train."""
        started = time.perf_counter()
        check_classification(rung, self.name, context)
        embedder = context.models.embedder(context.embedder)
        train, dev = (
            linear.Rows(
                embedder.embed([example.input for example in part]) if part else None,
                targets(context.task, part),
            )
            for part in (context.train, context.dev)
        )
        fitted = linear.fit(train, dev, labels=len(context.task.labels), seed=context.seed)
        linear.save(fitted.linear, context.workdir)
        candidate = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**context.settings, "embedder": context.embedder},
            base=None,
            files=(linear.FILE,),
            train_examples=tuple(example.id for example in context.train),
            trials=tuple(dataclasses.asdict(trial) for trial in fitted.trials),
            seed=context.seed,
        )
        candidate = candidates.timed(candidate, started)
        candidates.save(candidate, context.workdir)
        return candidate

    def load(self, candidate: Candidate, directory: Path, models: Models) -> EmbeddingAnswerer:
        """Return the same embedder under the stored classifier."""
        embedder = models.embedder(candidate.settings["embedder"])
        return EmbeddingAnswerer(candidate.task.labels, embedder, linear.read(directory))


class EmbeddingAnswerer:
    """Embeds, then multiplies."""

    def __init__(
        self, labels: Sequence[str], embedder: Embedder, classifier: linear.Linear
    ) -> None:
        self._labels = labels
        self._embedder = embedder
        self._classifier = classifier

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]:
        """Answer each by its text alone."""
        if not batch:
            return []
        vectors = self._embedder.embed([question(one) for one in batch])
        return answers(self._labels, self._classifier.probabilities(vectors))
