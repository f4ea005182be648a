"""metier gives a language model a trade: documents in, a measured specialist and a verdict out.

    import metier
    result = metier.run("metier.toml")
    print(metier.load(result.specialist).ask("...").text)

Names are loaded when first used, so that ``import metier`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "Answer": "metier.types",
    "Candidate": "metier.types",
    "Corpus": "metier.protocols",
    "Dataset": "metier.types",
    "Decision": "metier.types",
    "Document": "metier.types",
    "Estimate": "metier.types",
    "Example": "metier.types",
    "GeneratedRow": "metier.types",
    "GenerationPlan": "metier.dataset.generate.plan",
    "MetierError": "metier.errors",
    "Method": "metier.protocols",
    "Pipeline": "metier.pipeline",
    "Project": "metier.store",
    "Recipe": "metier.recipe",
    "RunReport": "metier.types",
    "Scorecard": "metier.types",
    "Source": "metier.protocols",
    "Specialist": "metier.serving.release.specialist",
    "Task": "metier.types",
    "UserError": "metier.errors",
    "docs_to_qa": "metier.api",
    "load": "metier.serving.release.specialist",
    "read_recipe": "metier.recipe",
    "release": "metier.api",
    "run": "metier.api",
}

__all__ = sorted([*_HOMES, "__version__"])

if TYPE_CHECKING:
    from metier.api import docs_to_qa as docs_to_qa
    from metier.api import release as release
    from metier.api import run as run
    from metier.dataset.generate.plan import GenerationPlan as GenerationPlan
    from metier.errors import MetierError as MetierError
    from metier.errors import UserError as UserError
    from metier.pipeline import Pipeline as Pipeline
    from metier.protocols import Corpus as Corpus
    from metier.protocols import Method as Method
    from metier.protocols import Source as Source
    from metier.recipe import Recipe as Recipe
    from metier.recipe import read_recipe as read_recipe
    from metier.serving.release.specialist import Specialist as Specialist
    from metier.serving.release.specialist import load as load
    from metier.store import Project as Project
    from metier.types import Answer as Answer
    from metier.types import Candidate as Candidate
    from metier.types import Dataset as Dataset
    from metier.types import Decision as Decision
    from metier.types import Document as Document
    from metier.types import Estimate as Estimate
    from metier.types import Example as Example
    from metier.types import GeneratedRow as GeneratedRow
    from metier.types import RunReport as RunReport
    from metier.types import Scorecard as Scorecard
    from metier.types import Task as Task


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'metier' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
