"""A plan on the disk: it can be read and changed there, and goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metier import serial
from metier.errors import DataError, StorageError
from metier.store import write_text
from metier.tools.python import media_type
from metier.types import Artifact, NodeResult, Plan

PLAN, RESULTS, ARTIFACTS, ANSWER = "plan.json", "results", "artifacts", "answer.md"


class PlanFolder:
    """``plan.json``, a file for each step's result, and what the steps made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, plan: Plan) -> None:
        """Write the plan, for a person to read or change."""
        write_text(self.path / PLAN, serial.dump(plan) + "\n")

    def plan(self) -> Plan:
        """The plan as it stands there; ``DataError`` where there is none."""
        if not (self.path / PLAN).is_file():
            raise DataError(f"there is no {PLAN} in {self.path}; `metier plan` makes one")
        return serial.read(Plan, self.path / PLAN)

    def keep(self, result: NodeResult) -> None:
        """Write a step's result and its files; the newest of each step stays."""
        place = self.path / ARTIFACTS / result.node
        for artifact in result.artifacts:
            try:
                (place / artifact.name).parent.mkdir(parents=True, exist_ok=True)
                (place / artifact.name).write_bytes(artifact.content)
            except OSError as error:
                raise StorageError(f"{place / artifact.name} cannot be written: {error}") from error
        told = {
            "result": serial.to_json(replace(result, artifacts=())),
            "artifacts": [artifact.name for artifact in result.artifacts],
        }
        text = json.dumps(told, ensure_ascii=False, indent=1)
        write_text(self.path / RESULTS / f"{result.node}.json", f"{text}\n")

    def results(self) -> list[NodeResult]:
        """All that earlier runs gave."""
        return [self._read(path) for path in sorted((self.path / RESULTS).glob("*.json"))]

    def _read(self, path: Path) -> NodeResult:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            result = serial.from_json(NodeResult, told["result"])
            artifacts = self._artifacts(result.node, told["artifacts"])
        except (OSError, ValueError, KeyError) as error:
            raise StorageError(
                f"{path} cannot be read back ({error}); delete it, and the step is done again"
            ) from error
        return replace(result, artifacts=artifacts)

    def _artifacts(self, node: str, names: Sequence[str]) -> tuple[Artifact, ...]:
        place = self.path / ARTIFACTS / node
        return tuple(
            Artifact(name, media_type(name), (place / name).read_bytes()) for name in names
        )
