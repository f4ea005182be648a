"""Fits and asks one rung on one draw of the newsgroups code lab; what stands is read."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks import newsgroups_data as data
from metier import __version__, serial
from metier.evaluation.run import evaluate
from metier.evaluation.scorers import scorers_for
from metier.evaluation.suites import Suite
from metier.methods import candidate as candidate_file
from metier.methods import method
from metier.protocols import FitContext, Models
from metier.store import Project, step_key
from metier.types import Candidate, Example, ItemResult, Json, Task

DRAWS = 5
CLEANINGS: Mapping[str, Callable[[str], str]] = {
    "lab": data.clean_lab,
    "strict": data.clean_strict,
}
RUNGS: Mapping[str, str] = {
    "tfidf": "tfidf",
    "embedding": "embedding",
    "blend": "blend",
    "lora": "lora",
    "blend_lora": "blend",
    "zero_shot": "prompt",
}
"""The method of each rung."""
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "blend": ("tfidf", "embedding"),
    "blend_lora": ("tfidf", "embedding", "lora"),
}
WITH_MODEL = ("lora", "blend_lora", "zero_shot")
BASE = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"
INSTRUCTION = "Which newsgroup was this post sent to?"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of everything."""

    groups: int = len(data.GROUPS)
    rows: int = 50
    """Training posts of each group; half as many for dev."""
    model_items: int = 800
    """Test items to ask the rungs with a language model about; a random part when it is fewer."""
    tokens: int = 256
    """The beginning of a post that a language model reads; the other rungs read it whole."""
    layers: int = 10
    epochs: int = 5
    rates: tuple[float, ...] = (1e-3,)


@dataclass(frozen=True, slots=True)
class Measured:
    """A rung of one draw with what it answered."""

    candidate: Candidate
    dev: tuple[ItemResult, ...]
    """Empty for a rung that ``best`` does not choose from: zero-shot, or not asked all items."""
    test: tuple[ItemResult, ...]

    @property
    def accuracy(self) -> float:
        """On the test items, off-list answers counted as wrong."""
        return sum(right(self.test).values()) / len(self.test)

    @property
    def dev_log_loss(self) -> float:
        """Mean negative natural log of the right label's probability on dev."""
        losses = [
            -math.log(max((item.answer.probabilities or {})[item.target], 1e-12))
            for item in self.dev
        ]
        return sum(losses) / len(losses)


def right(items: Sequence[ItemResult]) -> dict[str, float]:
    """1.0 or 0.0 by example."""
    return {item.example: item.scores[0].value or 0.0 for item in items}


class Ladder:
    """All rungs in one work folder."""

    def __init__(self, project: Project, models: Models, posts: data.Posts, limits: Limits) -> None:
        labels = data.GROUPS[: limits.groups]
        self.limits = limits
        self._project = project
        self._models = models
        self._train = [post for post in posts.train if post.label in labels]
        # The file is sorted: a beginning of it would hold few groups.
        test = sorted((post for post in posts.test if post.label in labels), key=lambda p: p.id)
        self._test = random.Random(0).sample(test, len(test))
        self._task = Task(
            "classification", INSTRUCTION, labels=labels, max_input_tokens=limits.tokens
        )
        self._drawn = cache(self._draw)

    def measure(self, cleaning: str, draw: int, rung: str) -> Measured:
        """Fit the rung and the rungs that it combines, ask it about dev and test."""
        return self._measured(cleaning, draw, rung, ask=True)

    def standing(self, cleaning: str, draw: int, rung: str) -> Measured | None:
        """What an earlier ``measure`` left in the work folder; None if it is not complete."""
        directory = self._project.path / "steps" / self._key(cleaning, draw, rung)
        if not directory.exists():
            return None
        found = self._measured(cleaning, draw, rung, ask=False)
        dev, test = self._asked(cleaning, draw, rung)
        whole = len(found.test) == len(test) and len(found.dev) == len(dev)
        return found if whole else None

    def _measured(self, cleaning: str, draw: int, rung: str, *, ask: bool) -> Measured:
        candidate, directory = self._fitted(cleaning, draw, rung)
        dev, test = self._asked(cleaning, draw, rung)

        def items(examples: tuple[Example, ...], part: str) -> tuple[ItemResult, ...]:
            key = step_key("items", [self._key(cleaning, draw, rung), part])
            stored = self._project.items(key)
            done = {name: serial.from_json(ItemResult, item) for name, item in stored.items()}
            if not ask or not examples:
                return tuple(done[row.id] for row in examples if row.id in done)
            answerer = method(candidate.method).load(candidate, directory, self._models)
            suite = Suite(part, examples, scorers_for(self._task))

            def keep(new: Sequence[ItemResult]) -> None:
                values = {item.example: serial.to_json(item) for item in new}
                self._project.add_items(key, values)

            return tuple(evaluate(answerer, suite, done=done, on_items=keep))

        return Measured(candidate, items(dev, "dev"), items(test, "test"))

    def _fitted(self, cleaning: str, draw: int, rung: str) -> tuple[Candidate, Path]:
        train, dev, _ = self._drawn(cleaning, draw)
        if rung == "zero_shot":
            train = ()

        def build(directory: Path) -> None:
            members = {name: self._fitted(cleaning, draw, name) for name in MEMBERS.get(rung, ())}
            context = FitContext(
                task=self._task,
                train=train,
                dev=dev,
                base=BASE,
                embedder=EMBEDDER,
                models=self._models,
                workdir=directory,
                settings=self._settings(rung),
                seed=draw,
                fitted=members,
            )
            method(RUNGS[rung]).fit(rung, context)

        directory = self._project.step("fit", self._inputs(cleaning, draw, rung), build)
        return candidate_file.read(directory), directory

    def _settings(self, rung: str) -> dict[str, Json]:
        own: dict[str, Json] = {"members": list(MEMBERS[rung])} if rung in MEMBERS else {}
        if rung == "lora":
            limits = self.limits
            own = {
                "layers": limits.layers,
                "epochs": limits.epochs,
                "learning_rate": list(limits.rates),
                "max_tokens": limits.tokens,
            }
        return {**method(RUNGS[rung]).defaults, **own}

    def _key(self, cleaning: str, draw: int, rung: str) -> str:
        return step_key("fit", self._inputs(cleaning, draw, rung))

    def _inputs(self, cleaning: str, draw: int, rung: str) -> Json:
        limits = self.limits
        reads = limits.tokens if rung in WITH_MODEL else None
        members = [self._settings(name) for name in MEMBERS.get(rung, ())]
        return {
            "metier": __version__,
            "cell": [cleaning, draw, limits.groups, limits.rows, reads],
            "rung": [rung, self._settings(rung), members],
        }

    def _asked(
        self, cleaning: str, draw: int, rung: str
    ) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
        """The dev and the test items that the rung is asked about."""
        _, dev, test = self._drawn(cleaning, draw)
        if rung in WITH_MODEL:
            asked = test[: self.limits.model_items]
            return (() if rung == "zero_shot" or len(asked) < len(test) else dev), asked
        return dev, test

    def _draw(self, cleaning: str, draw: int) -> tuple[tuple[Example, ...], ...]:
        """Train, dev and test."""
        rows = self.limits.rows
        drawn = data.draw(self._train, draw, per_class=rows, dev_per_class=rows // 2)
        clean = CLEANINGS[cleaning]
        return tuple(
            tuple(Example(post.id, clean(post.text), post.label) for post in part)
            for part in (drawn.train, drawn.dev, self._test)
        )
