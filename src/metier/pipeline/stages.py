"""The order of the stages: recipe → corpus → dataset → candidates → scorecards → decision.

Each stage is a cached property that asks the one before it. What a stage makes is addressed by
all that it was made from, so a stage that stands is read, not repeated.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

from metier import __version__, serial
from metier.corpus.table import LanceCorpus
from metier.corpus.without import CorpusWithout
from metier.dataset.decontaminate import drop_overlapping
from metier.dataset.split import fewer_rows
from metier.decision.recommend import decide
from metier.errors import EmptyStageError, StorageError
from metier.evaluation.scorecard import with_not_known
from metier.evaluation.scorers import scorers_for
from metier.hardware import hardware
from metier.methods.candidate import Built
from metier.methods.looked_up import INDEX
from metier.models.versions import weights_of
from metier.pipeline.asking import Asking
from metier.pipeline.building import Building
from metier.pipeline.data import INGESTED, Rows, corpus_step, found_leak
from metier.pipeline.generation import Generation, generated_examples, generation_report
from metier.pipeline.overlaps import Overlaps
from metier.problems import check_settings
from metier.protocols import Corpus, Models, Progress, silent
from metier.recipe import Recipe
from metier.retrieval.store.build import open_index
from metier.settings import (
    generation_plan,
    ladder,
    remote_settings,
    suites,
    terms,
)
from metier.store import Project, write_text
from metier.types import (
    CurvePoint,
    Dataset,
    Decision,
    Example,
    GenerationEstimate,
    GenerationReport,
    IngestReport,
    LeakProbe,
    Overlap,
    Retention,
    RunReport,
    Scorecard,
)


class Pipeline:
    """One recipe in one project folder."""

    def __init__(
        self,
        recipe: Recipe,
        project: Project,
        *,
        text: str = "",
        file: str = "metier.toml",
        models: Models | None = None,
        progress: Progress = silent,
    ) -> None:
        check_settings(recipe, text, file, models=models is None)
        self.recipe = recipe
        self.project = project
        self.progress = progress
        self.rungs, self._beyond_the_base = ladder(recipe)
        self._text = text
        self._folder = Path(file).absolute().parent
        self._corpus_table = project.path / "corpus.lance"
        self._given_models = models
        self._started = time.monotonic()

    @cached_property
    def models(self) -> Models:
        """The engines; none is loaded before it is asked for."""
        if self._given_models is not None:
            return self._given_models
        from metier.models.engines.openai import OpenAIModel
        from metier.models.registry import LocalModels

        remote = partial(OpenAIModel.named, **remote_settings(self.recipe))
        return LocalModels(engine=self.recipe.model.engine, remote=remote)

    @cached_property
    def _weights(self) -> dict[str, str | None]:
        model = self.recipe.model
        return {name: weights_of(name) for name in (model.base, model.embedder)}

    @property
    def metric(self) -> str:
        """What the verdict is about."""
        return scorers_for(self.dataset.task)[0].name

    # --- documents → corpus ---------------------------------------------------------------------

    @cached_property
    def corpus(self) -> LanceCorpus:
        """The cleaned documents at their version."""
        step = self._corpus_step
        try:
            version = (step / "version").read_text(encoding="utf-8")
            return LanceCorpus.open(self._corpus_table, version)
        except (OSError, StorageError) as error:
            raise StorageError(
                f"the corpus that {step} made is not there any more ({error}); "
                f"delete {step} and run again: the documents are read anew"
            ) from error

    @property
    def ingested(self) -> IngestReport:
        """What came in, and what was dropped on the way to the corpus."""
        known, corpus = self._corpus_step / INGESTED, self.corpus
        return serial.read(IngestReport, known) if known.exists() else corpus.report

    @cached_property
    def leak_probe(self) -> LeakProbe | None:
        """Whether the label could be read off what cleaning took out."""
        if self.recipe.task.kind != "classification" or not self.recipe.cleaning.steps:
            return None
        return found_leak(self.recipe, self.corpus, self.project)

    @cached_property
    def _corpus_step(self) -> Path:
        return corpus_step(
            self.recipe, self._folder, self.project, self._corpus_table, self.progress
        )

    @cached_property
    def generation(self) -> Path:
        """The directory with the questions and answers that ``[generate]`` asks for."""
        return self._generation.step(self.models, self.progress)

    @property
    def is_generated(self) -> bool:
        """Whether the questions and answers stand already."""
        return (self.project.path / "steps" / self._generation.key).exists()

    @property
    def generation_estimate(self) -> GenerationEstimate:
        """What the questions and answers will take; a few requests are asked, and kept, to tell."""
        return self._generation.estimate(self.models)

    @cached_property
    def _generation(self) -> Generation:
        asked = self.recipe.generate
        documents = asked.documents if asked else None
        return Generation(self.corpus, documents, generation_plan(self.recipe), self.project)

    @property
    def _generated(self) -> list[Example]:
        """The generated rows that may train: those that no person rejected, as edited."""
        return generated_examples(self.generation, self.project) if self._is_asked else []

    @property
    def _generation_report(self) -> GenerationReport | None:
        return generation_report(self.generation) if self._is_asked else None

    @property
    def _is_asked(self) -> bool:
        """Whether examples are questions, some of them generated."""
        return self.recipe.generate is not None and not self.recipe.task.label

    def forget_generation(self) -> None:
        """Let ``generation`` go over everything again; answers of models stay known."""
        self.project.forget(self._generation.key)

    # --- corpus → dataset -----------------------------------------------------------------------

    @cached_property
    def dataset(self) -> Dataset:
        """The examples, split, without training rows that copy a test item."""
        return serial.read(Dataset, self._dataset_step / "dataset.json")

    @cached_property
    def _dataset_step(self) -> Path:
        recipe = self.recipe
        rows = Rows(recipe, self.corpus, self._folder, self._generated)

        def build(directory: Path) -> None:
            drawn = rows.split()
            repeating = self._repeating(drawn.test)
            found = repeating.with_rows(drawn.train, against="training rows")
            kept = drop_overlapping(drawn.train, found, drawn.task.labels)
            dropped = dict(drawn.dropped)
            if len(kept) < len(drawn.train):
                dropped["resembles a test item"] = len(drawn.train) - len(kept)
            clean = replace(drawn, train=tuple(kept), dropped=dropped)
            write_text(directory / "overlaps.json", serial.dump(tuple(found)))
            write_text(directory / "dataset.json", serial.dump(clean))

        embedder = recipe.model.embedder
        inputs = {**rows.inputs, "embedder": [embedder, self._weights[embedder]]}
        return self.project.step("dataset", inputs, build)

    def _repeating(self, test: Sequence[Example]) -> Overlaps:
        embedder = self.models.embedder(self.recipe.model.embedder)
        return Overlaps(test, embedder, self.recipe.split.overlap_threshold)

    # --- dataset → candidates -------------------------------------------------------------------

    @property
    def candidates(self) -> dict[str, Built]:
        """Every rung that the budget and the data have room for, in the ladder's order."""
        return self._built[0]

    @cached_property
    def _built(self) -> tuple[dict[str, Built], dict[str, str]]:
        """The candidates, and which rungs are none and why."""
        built, without_room = self._building.ladder(self.rungs, self.dataset, self._started)
        left_out = self._beyond_the_base | without_room
        if not built:
            raise EmptyStageError("fit", {reason: 1 for reason in left_out.values()})
        return built, left_out

    @property
    def left_out(self) -> dict[str, str]:
        """Which rungs were not built, on which suites nothing can be lost, and why."""
        return self._built[1] | self._retained[1]

    @cached_property
    def _building(self) -> Building:
        return Building(
            self.recipe,
            self._folder,
            self.project,
            self.models,
            corpus=self._learnable,
            documents=self.corpus.version,
            weights=self._weights,
            progress=self.progress,
        )

    @cached_property
    def _learnable(self) -> Corpus:
        """The documents without those that are test items; what questions are about stays."""
        if not self.recipe.task.label:
            return self.corpus
        return CorpusWithout(self.corpus, {row.origin for row in self.dataset.test})

    # --- candidates → scorecards ----------------------------------------------------------------

    @cached_property
    def scorecards(self) -> tuple[Scorecard, ...]:
        """Every candidate on the test split, in the ladder's order.

        Where questions are answered in words, what the base model knew of itself is told apart.
        """
        cards = tuple(self._asking.scorecard(built) for built in self.candidates.values())
        bare = [name for name, one in self.candidates.items() if one.candidate.method == "prompt"]
        if self.recipe.task.label or not bare or self.dataset.task.kind != "short_answer":
            return cards
        base = next(card for card in cards if card.rung == bare[0])
        return with_not_known(cards, base, self.dataset.test)

    @property
    def retention(self) -> tuple[Retention, ...]:
        """What each rung with an adapter kept of the base model's abilities."""
        return self._retained[0]

    @cached_property
    def _retained(self) -> tuple[tuple[Retention, ...], dict[str, str]]:
        """What was kept, and which suites tell nothing of it and why."""
        if not self._tuned:
            return (), {}
        return self._asking.retention(self._tuned, suites(self.recipe, self._folder))

    @cached_property
    def _tuned(self) -> dict[str, list[Built]]:
        """By rung, those whose adapters it answers with: its own or its members'."""
        found: dict[str, list[Built]] = {}
        for name, built in self.candidates.items():
            members = built.candidate.settings.get("members") or ()
            own = [built] if built.adapter else []
            if adapted := own + [one for member in members for one in found.get(member, ())]:
                found[name] = adapted
        return found

    @cached_property
    def _asking(self) -> Asking:
        return Asking(
            self.recipe,
            self.dataset,
            self.project,
            self.models,
            versions=self.versions,
            weights=self._weights,
            progress=self.progress,
        )

    @cached_property
    def curve(self) -> tuple[CurvePoint, ...]:
        """Quality of the rungs named in ``[curve]`` when built from fewer rows per class."""
        if self.recipe.task.kind != "classification":
            return ()
        points = []
        for rung in (r for r in self.rungs if r.rung in self.recipe.curve.rungs):
            for rows in self.recipe.curve.rows_per_class:
                fewer = fewer_rows(self.dataset, rows)
                if fewer is not None:
                    card = self._asking.scorecard(self._building.rung(rung, fewer, {}))
                    points.append(CurvePoint(rung.rung, rows, card.metrics[self.metric]))
        full = max(Counter(row.target for row in self.dataset.train).values())
        points += [
            CurvePoint(card.rung, full, card.metrics[self.metric])
            for card in self.scorecards
            if card.rung in self.recipe.curve.rungs
        ]
        return tuple(points)

    # --- scorecards → decision ------------------------------------------------------------------

    @cached_property
    def decision(self) -> Decision:
        """Which rung to ship and why."""
        trained = {name: b.candidate.train_seconds for name, b in self.candidates.items()}
        return decide(
            self.scorecards,
            replace(terms(self.recipe, self.metric, trained), tuned=tuple(self._tuned)),
            retention=self.retention,
            groups=self._groups,
            seed=self.recipe.seed,
        )

    @cached_property
    def _groups(self) -> dict[str, str]:
        return {row.id: row.group for row in self.dataset.test if row.group}

    @cached_property
    def versions(self) -> dict[str, str]:
        """What is needed to compute the numbers again."""
        model = self.recipe.model
        return {
            "metier": __version__,
            "corpus": self.corpus.version,
            "dataset": self.dataset.version,
            "engine": model.engine,
            "seed": str(self.recipe.seed),
            "base": model.base,
            "embedder": model.embedder,
        }

    @cached_property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Test items that resemble training rows (dropped), examples in prompts, or passages."""
        found = list(serial.read(tuple[Overlap, ...], self._dataset_step / "overlaps.json"))
        test, rows = self.dataset.test, {row.id: row for row in self.dataset.train}
        for name, built in self.candidates.items():
            if built.candidate.method == "few_shot":
                shown = [rows[i] for i in built.candidate.train_examples]
                against = f"examples shown by {name}"
                found += self._repeating(test).with_rows(shown, against=against)
        retrieving = [b for b in self.candidates.values() if b.candidate.method == "retrieve"]
        if retrieving:
            index = open_index(retrieving[0].directory / INDEX, self.models)
            found += self._repeating(test).with_index(self._learnable, index)
        return tuple(found)

    @cached_property
    def report(self) -> RunReport:
        """Everything that the run found out."""
        leak_probe = self.leak_probe  # first, since it refuses data that nothing else would
        return RunReport(
            name=self.recipe.name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            recipe=self._text,
            dataset=self.dataset,
            corpus=self.ingested,
            decision=self.decision,
            candidates=tuple(built.candidate for built in self.candidates.values()),
            scorecards=self.scorecards,
            metric=self.metric,
            retention=self.retention,
            curve=self.curve,
            leak_probe=leak_probe,
            generation=self._generation_report,
            overlaps=self.overlaps,
            left_out=self.left_out,
            versions=self.versions,
            hardware=hardware(),
            seconds=time.monotonic() - self._started,
        )
