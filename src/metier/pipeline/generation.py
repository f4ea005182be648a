"""From the corpus to verified questions and answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from metier import __version__, serial
from metier.corpus.draw import drawn
from metier.dataset.generate.estimate import estimate
from metier.dataset.generate.kept.review import REVIEWS, read_reviews
from metier.dataset.generate.kept.rows import REPORT, examples, read_generated, write_generated
from metier.dataset.generate.plan import SPANS, TEXT, GenerationPlan
from metier.dataset.generate.run import Parts, generate
from metier.dataset.generate.writers.ledger import ProjectLedger
from metier.models.versions import weights_of
from metier.protocols import Corpus, Models, Progress
from metier.store import Project, step_key
from metier.types import Example, GenerationEstimate, GenerationReport, Json

_STEP = "generate"


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation, as a step of a project."""

    corpus: Corpus
    documents: int | None
    """How many of the corpus's are drawn and asked about; None for all."""
    plan: GenerationPlan
    project: Project

    @property
    def inputs(self) -> dict[str, Json]:
        """All that it is made from."""
        made_from = {"corpus": self.corpus.version, "documents": self.documents}
        plan = self.plan
        models = {plan.asker, plan.answerer, plan.reader, plan.checker, plan.embedder}
        weights = {name: weights_of(name) for name in sorted(models - {SPANS, TEXT})}
        return {"metier": __version__, **made_from, "plan": asdict(plan), "weights": weights}

    @property
    def key(self) -> str:
        """The step's key in the project."""
        return step_key(_STEP, self.inputs)

    def step(self, models: Models, progress: Progress) -> Path:
        """The directory with the rows.

        Answers of models are kept in the project's ledger as they come, outside of the step, so
        that a changed document or plan asks only what was not asked before.
        """

        def build(directory: Path) -> None:
            parts = Parts(models, ProjectLedger(self.project, self.key), progress=progress)
            write_generated(generate(self._part(), self.plan, parts), directory)

        return self.project.step(_STEP, self.inputs, build)

    def estimate(self, models: Models) -> GenerationEstimate:
        """What it will take; a few requests are asked, and kept, to tell."""
        return estimate(self._part(), self.plan, models, ProjectLedger(self.project, self.key))

    def _part(self) -> Corpus:
        return drawn(self.corpus, self.documents, seed=self.plan.seed)


def generation_report(step: Path) -> GenerationReport:
    """How the questions in this directory came about."""
    return serial.read(GenerationReport, step / REPORT)


def generated_examples(step: Path, project: Project) -> list[Example]:
    """The generated rows that may train: those that no person rejected, as edited."""
    rows = read_generated(step).accepted
    return examples(rows, read_reviews(project.path / REVIEWS))
