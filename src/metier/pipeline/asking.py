"""From candidates to scorecards: every rung, and the bare models beneath, asked each item once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metier import __version__
from metier.decision.cost import with_cost
from metier.evaluation.forgetting import retention
from metier.evaluation.ledger import ask
from metier.evaluation.scorecard import scorecard
from metier.evaluation.scorers import scorers_for
from metier.evaluation.suites import Suite
from metier.methods import method
from metier.methods.candidate import Built
from metier.protocols import Answerer, Models, Progress
from metier.recipe import Recipe
from metier.settings import rate
from metier.store import Project
from metier.types import Dataset, ItemResult, Json, Retention, Scorecard

NOTHING_TO_FORGET = "the base has none of its {} items right, so there is nothing to forget"


@dataclass(frozen=True, slots=True)
class Asking:
    """What all rungs of one recipe are asked; the project's ledger keeps the answers."""

    recipe: Recipe
    dataset: Dataset
    project: Project
    models: Models
    versions: Mapping[str, str]
    """Of what the answers come from; a part of every result."""
    weights: Mapping[str, str | None]
    """Of the models by name, as far as they are known."""
    progress: Progress

    def scorecard(self, built: Built) -> Scorecard:
        """A candidate on the test split, with what it costs."""
        candidate, dataset = built.candidate, self.dataset
        suite = Suite("test", dataset.test, scorers_for(dataset.task))
        answerer = method(candidate.method).load(candidate, built.directory, self.models)
        card = scorecard(
            candidate.rung,
            self._ask(answerer, suite, built.key, candidate.rung),
            dataset.task,
            versions={**self.versions, "candidate": built.key},
            examples=dataset.test,
            seed=self.recipe.seed,
        )
        return with_cost(card, rate(self.recipe.prices, candidate.base))

    def retention(
        self, tuned: Mapping[str, Sequence[Built]], suites: Sequence[Suite]
    ) -> tuple[tuple[Retention, ...], dict[str, str]]:
        """What each of these rungs, given with what has its adapters, kept of the base's abilities.

        Of several adapters the one that kept least counts. And which suites tell nothing about
        that, and why.
        """
        kept, silent = [], {}
        for suite in suites:
            base = self._ask_model(suite, None, "base")
            for name, adapted in tuned.items():
                told = [self._kept(suite, base, built, name) for built in adapted]
                measured = [one for one in told if one is not None]
                if measured:
                    kept.append(min(measured, key=lambda one: one.ratio.value))
                else:
                    silent[f"retention suite {suite.name}"] = NOTHING_TO_FORGET.format(len(base))
        return tuple(kept), silent

    def _kept(
        self, suite: Suite, base: Sequence[ItemResult], built: Built, rung: str
    ) -> Retention | None:
        after = self._ask_model(suite, built, built.candidate.rung)
        return retention(rung, base, after, suite.name, seed=self.recipe.seed)

    def _ask_model(self, suite: Suite, built: Built | None, who: str) -> list[ItemResult]:
        model = self.recipe.model
        adapter = built.adapter if built else None
        if built is None:
            key: Json = [__version__, model.base, self.weights[model.base], model.engine]
        else:
            key = [model.base, model.engine, built.key]
        language_model = self.models.language_model(model.base, adapter=adapter)
        assert suite.ask is not None
        return self._ask(suite.ask(language_model), suite, key, who)

    def _ask(self, answerer: Answerer, suite: Suite, inputs: Json, who: str) -> list[ItemResult]:
        def told(done: int, total: int | None, what: str) -> None:
            self.progress(done, total, f"ask {who}: {what}")

        return ask(answerer, suite, self.project, inputs=inputs, progress=told)
