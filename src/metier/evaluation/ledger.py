"""Items asked once: what the project's ledger has is read, what it lacks is asked and kept."""

from __future__ import annotations

from pydantic import ValidationError

from metier import serial
from metier.errors import StorageError
from metier.evaluation.run import evaluate
from metier.evaluation.suites import Suite
from metier.protocols import Answerer, Progress, silent
from metier.store import Project, step_key
from metier.types import ItemResult, Json


def ask(
    answerer: Answerer,
    suite: Suite,
    project: Project,
    *,
    inputs: Json,
    progress: Progress = silent,
) -> list[ItemResult]:
    """Results of all examples of ``suite``, in its order; survives a kill between two batches.

    ``inputs`` is what the answerer was made from: a result is that of the same suite and inputs,
    and of nothing else.
    """
    key = step_key("items", [suite.content, inputs])
    return evaluate(
        answerer,
        suite,
        done=_finished(project, key),
        on_items=lambda items: project.add_items(
            key, {item.example: serial.to_json(item) for item in items}
        ),
        progress=progress,
    )


def _finished(project: Project, key: str) -> dict[str, ItemResult]:
    try:
        return {
            example: serial.from_json(ItemResult, value)
            for example, value in project.items(key).items()
        }
    except ValidationError as error:
        raise StorageError(
            f"the ledger in {project.path} holds an item that cannot be read back ({error.title}: "
            f"{error.errors()[0]['msg']}); delete its ledger.sqlite and run again: finished steps "
            "stay, items are asked anew"
        ) from error
