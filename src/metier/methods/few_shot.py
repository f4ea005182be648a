"""Shows the base model solved examples before it asks."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import DataError, ModelFileError
from metier.methods.asking import ModelAnswerer, base_of, check_settings
from metier.methods.files import MEND, read_arrays, read_json, write_arrays, write_json
from metier.methods.label_prior import kept_with_prior
from metier.methods.prompt import prompt_for
from metier.protocols import Embedder, FitContext, LanguageModel, Models
from metier.scoped import check_tenant_alone
from metier.types import Candidate, Conversation, Example, Json, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOTS = "shots.json"
VECTORS = "vectors.npz"

SELECTIONS = ("random", "nearest")


Choice = Callable[[str, Sequence[str]], Sequence[Sequence["Shot"]]]
"""From a tenant and its texts to the shots to show before each."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A solved example of the training split, cut to fit."""

    id: str
    text: str
    answer: str
    tenant: str = ""
    """Whose document it is about, and nobody else is shown it; "" for everybody's."""

    def is_for(self, tenant: str) -> bool:
        """Whether this tenant may see it."""
        return self.tenant in ("", tenant)


def shown_to(tenant: str, shots: Sequence[Shot]) -> list[Shot]:
    """The tenant's own shots and everybody's."""
    return [shot for shot in shots if shot.is_for(tenant)]


class FewShot:
    """The prompt of zero-shot with ``shots`` training examples before the question.

    ``selection = "random"`` shows the same examples to all items, balanced over the labels, so
    that the whole prefix is read once; ``nearest`` shows each item the training texts most like
    it, the likest last, where the model minds it most (Liu et al. 2022). The texts of the shots
    share ``shot_tokens``. The other settings are those of the method ``prompt``.
    """

    name = "few_shot"
    defaults: Mapping[str, Json] = {
        "shots": 8,
        "selection": "random",
        "shot_tokens": 1024,
        "label_list": True,
        "role": True,
        "constrained": True,
        "calibrate": "on_dev",
    }

    def reads(self, settings: Mapping[str, Json]) -> tuple[str, ...]:
        """The base, and the embedder where it looks for the nearest."""
        return ("base", "embedder") if settings["selection"] == "nearest" else ("base",)

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Draw the shots, or embed the training rows to draw from later."""
        started = time.perf_counter()
        check_settings(rung, context)
        _check(rung, context)
        settings = context.settings
        model = context.models.language_model(context.base)
        if settings["selection"] == "random":
            pool = balanced(context.train, settings["shots"], seed=context.seed)
        else:
            pool = list(context.train)
            vectors = context.models.embedder(context.embedder).embed([row.input for row in pool])
            write_arrays(context.workdir / VECTORS, {"vectors": vectors})
        room = settings["shot_tokens"] // min(settings["shots"], len(pool))
        shots = [
            Shot(row.id, model.truncate(row.input, room), row.target, row.tenant) for row in pool
        ]
        write_json(context.workdir / SHOTS, {"shots": [asdict(shot) for shot in shots]})
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={**settings, "embedder": context.embedder},
            base=context.base,
            files=(SHOTS,) if settings["selection"] == "random" else (SHOTS, VECTORS),
            train_examples=tuple(row.id for row in pool),
            seed=context.seed,
        )
        answerer = self.load(fitted, context.workdir, context.models)
        return kept_with_prior(fitted, answerer.log_likelihoods, context, started=started)

    def load(self, candidate: Candidate, directory: Path, models: Models) -> FewShotAnswerer:
        """Return the base model behind the shots."""
        stored = read_json(directory / SHOTS)
        try:
            shots = [Shot(**shot) for shot in stored["shots"]]
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"{directory / SHOTS} lacks {error}; {MEND}") from error
        choose: Choice = partial(_same, shots)
        if candidate.settings["selection"] == "nearest":
            vectors = read_arrays(directory / VECTORS, ("vectors",))["vectors"]
            embedder = models.embedder(candidate.settings["embedder"])
            choose = partial(_nearest, shots, vectors, embedder, candidate.settings["shots"])
        model = models.language_model(base_of(candidate))
        return FewShotAnswerer(model, candidate, choose)


class FewShotAnswerer(ModelAnswerer):
    """A model behind solved examples, of which a tenant is shown its own and everybody's."""

    def __init__(
        self, model: LanguageModel, candidate: Candidate, choose: Choice, tenant: str = ""
    ) -> None:
        super().__init__(model, candidate, partial(_lay_out, candidate, partial(choose, tenant)))
        self._candidate = candidate
        self._choice = choose

    def within(self, scope: Scope) -> FewShotAnswerer:
        """The same as the scope's tenant is shown it."""
        check_tenant_alone(scope)
        return FewShotAnswerer(self._model, self._candidate, self._choice, scope.tenant)


def balanced(rows: Sequence[Example], count: int, *, seed: int) -> list[Example]:
    """Draw ``count`` rows, each label as often as the others where there are rows enough.

    They come in random order: a prompt whose last shots share a label pulls the answer there.
    """
    generator = random.Random(seed)
    by_label: dict[str, list[Example]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        by_label[row.target].append(row)
    queues = [generator.sample(by_label[label], len(by_label[label])) for label in by_label]
    if len(queues) > len(rows) // 2:  # free answers: nothing to balance
        return generator.sample([row for queue in queues for row in queue], min(count, len(rows)))
    generator.shuffle(queues)
    drawn: list[Example] = []
    while len(drawn) < min(count, len(rows)):
        for queue in queues:
            if queue and len(drawn) < count:
                drawn.append(queue.pop())
    generator.shuffle(drawn)
    return drawn


def _same(shots: Sequence[Shot], tenant: str, texts: Sequence[str]) -> list[Sequence[Shot]]:
    shown = shown_to(tenant, shots)
    return [shown for _ in texts]


def _nearest(
    shots: Sequence[Shot],
    vectors: NDArray[np.float32],
    embedder: Embedder,
    count: int,
    tenant: str,
    texts: Sequence[str],
) -> list[Sequence[Shot]]:
    """The ``count`` shots most like each text, the likest last."""
    import numpy as np

    seen = [place for place, shot in enumerate(shots) if shot.is_for(tenant)]
    likeness = embedder.embed(texts) @ vectors[seen].T
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
    return [[shots[seen[place]] for place in reversed(row)] for row in nearest]


def _lay_out(
    candidate: Candidate,
    choose: Callable[[Sequence[str]], Sequence[Sequence[Shot]]],
    texts: Sequence[str],
) -> list[Conversation]:
    settings = candidate.settings
    return [
        prompt_for(
            candidate.task,
            text,
            label_list=settings["label_list"],
            role=settings["role"],
            shots=[(shot.text, shot.answer) for shot in shots],
        )
        for text, shots in zip(texts, choose(texts), strict=True)
    ]


def _check(rung: str, context: FitContext) -> None:
    settings = context.settings
    if settings["selection"] not in SELECTIONS:
        raise DataError(
            f"rung {rung!r}: selection = {settings['selection']!r} is none of "
            f"{', '.join(SELECTIONS)}"
        )
    if settings["shots"] < 1:
        raise DataError(f"rung {rung!r}: shots = {settings['shots']}; use 1 or more")
    if settings["shot_tokens"] < 16 * settings["shots"]:
        raise DataError(
            f"rung {rung!r}: shot_tokens = {settings['shot_tokens']} leaves fewer than 16 tokens "
            f"for each of {settings['shots']} shots; raise it, or show fewer"
        )
    if not context.train:
        raise DataError(f"rung {rung!r}: there is no training row to show; add rows")
