"""From a recipe's files to the corpus and to the split examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from metier import __version__, serial
from metier.corpus.chunk import Chunking
from metier.corpus.clean import make_step
from metier.corpus.ingest import ingest
from metier.corpus.leak_probe import probe
from metier.corpus.table import LanceCorpus
from metier.dataset.examples import examples_from
from metier.dataset.questions import QuestionColumns, questions_from
from metier.dataset.split import split
from metier.errors import DataError, SourceError
from metier.protocols import Progress, Source
from metier.recipe import QuestionSettings, Recipe
from metier.settings import deduplication, joined_sources, located_options, split_plan
from metier.sources import open_source
from metier.sources.fingerprint import fingerprint
from metier.store import Project, write_text
from metier.types import Dataset, Document, Example, Json, LeakProbe, Malformed

INGESTED = "ingested.json"
"""In the step's directory, not the table's: what is dropped may change where no document does."""


def corpus_step(
    recipe: Recipe, folder: Path, project: Project, table: Path, progress: Progress
) -> Path:
    """The directory of the step that ingested the recipe's sources into ``table``."""
    sources = [(one.kind, located_options(one, folder)) for one in recipe.sources]
    inputs = {
        "metier": __version__,
        "sources": [source.model_dump() for source in recipe.sources],
        "content": [fingerprint(kind, options) for kind, options in sources],
        "cleaning": recipe.cleaning.model_dump(),
        "chunks": recipe.chunks.model_dump(),
    }

    def build(directory: Path) -> None:
        report = ingest(
            joined_sources(recipe.sources, folder),
            table,
            steps=[make_step(step.name, step.options) for step in recipe.cleaning.steps],
            deduplication=deduplication(recipe.cleaning),
            chunking=Chunking(recipe.chunks.size, recipe.chunks.overlap),
            progress=progress,
        )
        write_text(directory / INGESTED, serial.dump(report))
        write_text(directory / "version", report.version)

    return project.step("corpus", inputs, build)


def found_leak(recipe: Recipe, corpus: LanceCorpus, project: Project) -> LeakProbe:
    """Whether the label could be read off what cleaning took out."""
    label, seed = recipe.task.label, recipe.seed

    def build(directory: Path) -> None:
        found = probe(corpus.documents(), label, seed=seed)
        write_text(directory / "probe.json", serial.dump(found))

    step = project.step("leak-probe", [corpus.version, label, seed], build)
    return serial.read(LeakProbe, step / "probe.json")


@dataclass(frozen=True, slots=True)
class Rows:
    """The recipe's examples, before anything is checked against the test split."""

    recipe: Recipe
    corpus: LanceCorpus
    folder: Path
    generated: Sequence[Example] = ()
    """What ``[generate]`` wrote: all examples, or more to train on beside ``[questions]``."""

    @property
    def inputs(self) -> dict[str, Json]:
        """All that the split examples are made from."""
        recipe = self.recipe
        found: dict[str, Json] = {
            "metier": __version__,
            "corpus": self.corpus.version,
            "task": recipe.task.model_dump(),
            "split": recipe.split.model_dump(),
            "seed": recipe.seed,
            "generated": [(row.id, row.input, row.target) for row in self.generated],
        }
        if recipe.questions is not None:
            found["questions"] = recipe.questions.model_dump()
            found["content"] = fingerprint("table", {"path": self._path(recipe.questions)})
        return found

    def split(self) -> Dataset:
        """The examples, divided as the recipe says."""
        recipe, owners = self.recipe, self._owners()
        examples, dropped = self._examples()
        rows = _owned(examples, owners)
        labels = sorted({row.target for row in rows})
        task = recipe.task.task(labels)
        drawn = split(rows, task, plan=split_plan(recipe.split), seed=recipe.seed)
        stand = len(drawn.train) + len(drawn.dev) + len(drawn.test)
        dropped["not drawn"] = len(rows) - stand
        drawn = replace(drawn, dropped={why: count for why, count in dropped.items() if count})
        if recipe.questions is None:
            return drawn
        return replace(drawn, train=(*drawn.train, *_owned(self.generated, owners)))

    def _owners(self) -> dict[str, str]:
        """The tenant of each document that has one."""
        told = ((one.id, one.metadata.get("tenant")) for one in self.corpus.documents())
        return {id: str(tenant) for id, tenant in told if tenant}

    def _examples(self) -> tuple[list[Example], dict[str, int]]:
        """All examples, and how many rows were none by reason."""
        recipe, group = self.recipe, self.recipe.task.group
        if recipe.questions is None and not recipe.task.label:
            return list(self.generated), {}
        if recipe.questions is None:
            task = recipe.task
            made = examples_from(self.corpus, label=task.label, kind=task.kind, group=group or None)
            return made, {f'no value in "{task.label}"': self.corpus.report.documents - len(made)}
        asked = recipe.questions
        columns = QuestionColumns(asked.answer, asked.document, asked.kind, group)
        ids = (document.id for document in self.corpus.documents())
        rows = self._questions(asked)
        made = questions_from(rows, ids, columns)
        return made, {"about a document that the corpus does not hold": len(rows) - len(made)}

    def _questions(self, asked: QuestionSettings) -> list[Document]:
        options: dict[str, Json] = {
            "path": self._path(asked),
            "text": asked.question,
            "id": asked.id,
            **asked.model_dump(include={"encoding", "delimiter", "quotes"}),
        }
        source: Source = open_source("table", options)
        bad: list[Malformed] = []
        rows = list(source.documents(bad.append))
        if bad:
            first = bad[0]
            raise SourceError(
                f"{len(bad)} rows of the questions cannot be read; the first: "
                f"{first.uri}:{first.line or '-'}: {first.reason}; mend or remove them"
            )
        if not rows:
            raise DataError(f"{asked.path} holds no question")
        return rows

    def _path(self, asked: QuestionSettings) -> str:
        return asked.path if "://" in asked.path else str(self.folder / asked.path)


def _owned(rows: Sequence[Example], owners: Mapping[str, str]) -> list[Example]:
    """The rows with the tenants of the documents that they are about."""
    return [replace(row, tenant=owners.get(row.origin, "")) for row in rows]
