"""The whole loop in one call: from a recipe to a verdict, a report and a released specialist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.run import Generated, Parts, generate
from metier.dataset.generate.writers.ledger import MemoryLedger, ProjectLedger
from metier.decision.report import as_json, html
from metier.errors import DataError
from metier.evaluation.items import items_table
from metier.pipeline import Pipeline, opened
from metier.pipeline.building import weights_behind
from metier.protocols import Corpus, Models, Progress, SupportChecker, silent
from metier.recipe import EMBEDDED_MODEL, nearest
from metier.serial import dump
from metier.serving.release import specialist
from metier.store import Project, write_table, write_text
from metier.types import Decision, Document, RunReport, content_hash


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves behind."""

    report: RunReport
    page: Path
    """The report as one HTML file."""
    specialist: Path | None
    """The released specialist's directory; None when no rung is recommended."""

    @property
    def decision(self) -> Decision:
        """The verdict."""
        return self.report.decision


def run(
    recipe: Path | str, *, project: Path | str | None = None, progress: Progress = silent
) -> Result:
    """Run a recipe from its documents to a released specialist.

    Everything stands in the project folder (``.metier`` beside the recipe by default); a run that
    was stopped at any moment goes on where it was, and one that is complete is read, not repeated.
    """
    with opened(recipe, project, progress) as pipeline:
        return _publish(pipeline.report, pipeline)


def release(
    recipe: Path | str,
    rung: str | None = None,
    *,
    project: Path | str | None = None,
    progress: Progress = silent,
) -> Path:
    """Release the recommended rung, or the one named, whatever the verdict is; its card says so.

    What of the run is missing is done first. The next ``run`` that recommends a rung releases that
    one instead. Raises ``DataError`` for a rung that was not built, and when none is named and none
    recommended.
    """
    with opened(recipe, project, progress) as pipeline:
        report = pipeline.report
        chosen = rung or report.decision.rung
        built = list(pipeline.candidates)
        if chosen is None:
            raise DataError(f"no rung is recommended; name the one to release: {', '.join(built)}")
        if chosen not in built:
            raise DataError(f"rung {chosen!r} was not built{nearest(chosen, built)}")
        return _release(chosen, report, pipeline)


def _publish(report: RunReport, pipeline: Pipeline) -> Result:
    """Write the report's page, its JSON and its data, and release the recommended rung.

    Where none is recommended, what was released before stays as it is.
    """
    folder = pipeline.project.path
    write_text(folder / "report.html", html(report))
    write_text(folder / "report.json", dump(report))
    write_table(folder / "items.parquet", items_table(report.scorecards))
    write_text(folder / "summary.json", dump(as_json(report)))
    rung = report.decision.rung
    made = None if rung is None else _release(rung, report, pipeline)
    return Result(report, folder / "report.html", made)


def _release(rung: str, report: RunReport, pipeline: Pipeline) -> Path:
    built = pipeline.candidates[rung]
    return specialist.release(
        built.candidate,
        built.directory,
        pipeline.project.path / "specialist",
        report=report,
        engine=pipeline.recipe.model.engine,
        weights=weights_behind(rung, pipeline.candidates),
    )


def docs_to_qa(
    documents: Corpus | Iterable[Document | str],
    plan: GenerationPlan | None = None,
    *,
    models: Models | None = None,
    project: Path | str | None = None,
    checker: SupportChecker | None = None,
    progress: Progress = silent,
) -> Generated:
    """Questions and answers that are true to the documents, and what was rejected and why.

    ``plan`` says who asks, who answers and how much; by default the embedded model does both.
    With a ``project`` folder every answer of a model is kept there as it comes: a run that was
    killed, and one with other documents, asks nothing again. ``checker`` judges whether the
    evidence supports an answer, in place of the plan's.
    """
    from metier.models.registry import LocalModels

    models, plan = models or LocalModels(), plan or GenerationPlan(EMBEDDED_MODEL, EMBEDDED_MODEL)
    corpus = documents if isinstance(documents, Corpus) else MemoryCorpus(_as_documents(documents))
    ledger = MemoryLedger() if project is None else ProjectLedger(Project(Path(project)))
    return generate(corpus, plan, Parts(models, ledger, checker, progress))


def _as_documents(given: Iterable[Document | str]) -> list[Document]:
    """A bare text is a document without a name, known by its content."""
    if isinstance(given, str):
        raise DataError("docs_to_qa takes several documents: put the one text into a list")
    return [Document(content_hash(one), one) if isinstance(one, str) else one for one in given]
