"""From the dataset to candidates: each rung a step, fitted anew when what it is from changes."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metier import __version__, serial
from metier.errors import DoesNotFitError, NoLabelScoresError
from metier.evaluation.scorers import scorers_for
from metier.methods import method, reads
from metier.methods.candidate import Built
from metier.methods.candidate import read as read_candidate
from metier.models.versions import weights_of
from metier.protocols import Corpus, FitContext, Models, Progress
from metier.recipe import Recipe, RungSettings
from metier.settings import rung_settings
from metier.sources.fingerprint import fingerprint
from metier.store import Project, step_key
from metier.types import Dataset, Json, content_hash


@dataclass(frozen=True, slots=True)
class Building:
    """What all rungs of one recipe are built from and with, beside their rows."""

    recipe: Recipe
    folder: Path
    """Where the recipe's files lie."""
    project: Project
    models: Models
    corpus: Corpus
    """The documents that a rung may learn from."""
    documents: str
    """The version of all documents, those that are test items among them."""
    weights: Mapping[str, str | None]
    """Of the models by name, as far as they are known."""
    progress: Progress

    def ladder(
        self, rungs: Sequence[RungSettings], dataset: Dataset, started: float
    ) -> tuple[dict[str, Built], dict[str, str]]:
        """The rungs that budget and data have room for, in their order, and why not the others.

        ``started`` is when the budget's minutes began (``time.monotonic``).
        """
        built: dict[str, Built] = {}
        left_out: dict[str, str] = {}
        minutes = self.recipe.budget.minutes
        for rung in rungs:
            if minutes is not None and time.monotonic() - started > 60 * minutes:
                left_out[rung.rung] = f"the budget of {minutes:g} minutes was spent"
                continue
            try:
                built[rung.rung] = self.rung(rung, dataset, built)
            except (DoesNotFitError, NoLabelScoresError) as error:
                if isinstance(error, NoLabelScoresError) and not self.recipe.usual_ladder:
                    raise  # it was asked for by name
                left_out[rung.rung] = str(error)
        return built, left_out

    def rung(self, rung: RungSettings, dataset: Dataset, fitted: Mapping[str, Built]) -> Built:
        """The rung's candidate, read where it stands and fitted where it does not.

        It may take from those ``fitted`` before it. Raises what the method raises.
        """
        settings = rung_settings(rung)
        read = reads(rung.method, settings)
        members = _members(settings, fitted)
        seen = {
            name: one
            for name, one in fitted.items()
            if name in members or "members" in settings or one.candidate.method == rung.method
        }
        inputs = {
            "metier": __version__,
            "rows": content_hash(serial.to_json((dataset.task, dataset.train, dataset.dev))),
            "rung": [rung.rung, rung.method, settings],
            "members": {name: seen[name].key for name in members if name in seen},
            **self._read(read),
            "seed": self.recipe.seed,
        }
        if settings.get("reranker"):
            inputs["reranker"] = weights_of(settings["reranker"])
        if settings.get("names"):
            inputs["names"] = fingerprint("table", {"path": self.folder / settings["names"]})

        def build(directory: Path) -> None:
            context = self._context(rung.rung, settings, dataset, seen, read, directory)
            method(rung.method).fit(rung.rung, context)

        directory = self.project.step("fit", inputs, build)
        return Built(read_candidate(directory), directory, step_key("fit", inputs))

    def _read(self, names: Collection[str]) -> dict[str, Json]:
        """What a method reads beside its rows, as it stands in the address of what it makes."""
        model, found = self.recipe.model, {}
        if "base" in names:
            found["base"] = [model.base, self.weights[model.base], model.engine]
        if "embedder" in names:
            found["embedder"] = [model.embedder, self.weights[model.embedder]]
        if "corpus" in names:
            found["corpus"] = [self.documents, self.corpus.version]
        return found

    def _context(
        self,
        name: str,
        settings: dict[str, Json],
        dataset: Dataset,
        seen: Mapping[str, Built],
        read: Collection[str],
        directory: Path,
    ) -> FitContext:
        model = self.recipe.model
        scorer = scorers_for(dataset.task)[0]
        return FitContext(
            task=dataset.task,
            train=dataset.train,
            dev=dataset.dev,
            base=model.base if "base" in read else "",
            embedder=model.embedder if "embedder" in read else "",
            models=self.models,
            workdir=directory,
            settings=settings,
            seed=self.recipe.seed,
            fitted={name: (b.candidate, b.directory) for name, b in seen.items()},
            corpus=self.corpus if "corpus" in read else None,
            folder=self.folder,
            score=lambda row, answer: scorer.score(row, answer).value or 0.0,
            progress=lambda done, of, what: self.progress(done, of, f"fit {name}: {what}"),
        )


def weights_behind(rung: str, fitted: Mapping[str, Built]) -> dict[str, str]:
    """Fingerprints of the models that a rung asks, itself or through its members, where known."""
    inputs = json.loads((fitted[rung].directory / "inputs.json").read_text(encoding="utf-8"))
    asked = [inputs[part][:2] for part in ("base", "embedder") if part in inputs]
    if "reranker" in inputs:
        asked.append([inputs["rung"][2]["reranker"], inputs["reranker"]])
    found = {name: weights for name, weights in asked if weights is not None}
    for member in inputs["members"]:
        found |= weights_behind(member, fitted)
    return found


def _members(settings: Mapping[str, Json], fitted: Mapping[str, Built]) -> list[str]:
    """The rungs that this one is made of: those it names, or all before it."""
    if "members" in settings:
        return settings["members"] or list(fitted)
    return [settings["adapter"]] if settings.get("adapter") else []
