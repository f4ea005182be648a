"""From the corpus to verified questions and answers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from metier import __version__
from metier.corpus.draw import drawn
from metier.dataset.generate.kept.review import REVIEWS, read_reviews
from metier.dataset.generate.kept.rows import examples, read_generated, write_generated
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.run import Parts, generate
from metier.dataset.generate.writers.ledger import ProjectLedger
from metier.protocols import Corpus, Models, Progress
from metier.store import Project
from metier.types import Example, Json


def generation_inputs(
    corpus: Corpus, documents: int | None, plan: GenerationPlan
) -> dict[str, Json]:
    """All that a generation is made from; ``documents`` is how many of the corpus's are drawn."""
    made_from = {"corpus": corpus.version, "documents": documents}
    return {"metier": __version__, **made_from, "plan": asdict(plan)}


def generation_step(
    corpus: Corpus,
    documents: int | None,
    plan: GenerationPlan,
    project: Project,
    models: Models,
    progress: Progress,
) -> Path:
    """The directory of the step that generated rows from so many documents of the corpus.

    Answers of models are kept in the project's ledger as they come, outside of the step, so that
    a changed document or plan asks only what was not asked before.
    """

    def build(directory: Path) -> None:
        parts = Parts(models, ProjectLedger(project), progress=progress)
        part = drawn(corpus, documents, seed=plan.seed)
        write_generated(generate(part, plan, parts), directory)

    return project.step("generate", generation_inputs(corpus, documents, plan), build)


def generated_examples(step: Path, project: Project) -> list[Example]:
    """The generated rows that may train: those that no person rejected, as edited."""
    rows = read_generated(step).accepted
    return examples(rows, read_reviews(project.path / REVIEWS))
