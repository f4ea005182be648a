"""Named prompts with versions and scores, for each tenant its own and those of everybody."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from metier.errors import DataError
from metier.methods.prompt import prompt_for
from metier.serving.records.book import Book
from metier.types import Candidate, Json, RunReport

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
TEXT = "text"
"""The variable of an imported prompt that stands for what it is asked about."""


@dataclass(frozen=True, slots=True)
class PromptScore:
    """How well a prompt did where it was measured."""

    metric: str
    value: float
    low: float
    high: float
    n: int
    base: str
    """The model that was asked."""
    dataset: str
    """The version of the examples."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version; versions never change, but are measured again."""

    name: str
    version: int
    messages: tuple[Mapping[str, str], ...]
    """``role`` and ``content``; in a content, ``{{word}}`` is a variable."""
    enum: tuple[str, ...] = ()
    """The answers to choose from; any text where empty."""
    scores: tuple[PromptScore, ...] = ()
    tenant: str = ""
    created: float = 0.0

    @property
    def variables(self) -> tuple[str, ...]:
        """Their names, in the order in which they come."""
        contents = "\n".join(message["content"] for message in self.messages)
        return tuple(dict.fromkeys(VARIABLE.findall(contents)))

    def filled(self, variables: Mapping[str, str]) -> list[dict[str, str]]:
        """The messages with values for all variables; ``DataError`` unless they are exactly those.

        What stands in a value is never taken for a variable.
        """
        missing = [name for name in self.variables if name not in variables]
        unknown = sorted(set(variables) - set(self.variables))
        if missing or unknown:
            raise DataError(
                f"the prompt {self.name!r}, version {self.version}, has the variables "
                f"{', '.join(self.variables) or 'none'}; "
                + (f"{missing[0]!r} is missing" if missing else f"{unknown[0]!r} is not among them")
            )
        return [
            {
                "role": message["role"],
                "content": VARIABLE.sub(lambda found: variables[found[1]], message["content"]),
            }
            for message in self.messages
        ]


class Gallery:
    """The prompts in a book."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def all(self, tenant: str) -> list[Prompt]:
        """Every version that a tenant may use, by name."""
        rows = self._book.rows(
            "SELECT * FROM prompts WHERE tenant IN ('', ?) ORDER BY name, tenant, version", tenant
        )
        return [_prompt(row) for row in rows]

    def get(self, name: str, tenant: str, version: str | None = None) -> Prompt | None:
        """A version, the newest where none is named; a tenant's own hides everybody's."""
        rows = self._book.rows(
            "SELECT * FROM prompts WHERE tenant IN ('', ?) AND name = ? ORDER BY version",
            *(tenant, name),
        )
        own = [row for row in rows if row["tenant"] == tenant] or rows
        fits = [_prompt(row) for row in own if version in (None, str(row["version"]))]
        return fits[-1] if fits else None

    def add(self, prompt: Prompt) -> Prompt:
        """Keep a prompt as the next version of its name; it is on the disk when this returns.

        What is word for word the newest version becomes none of its own: its scores are added.
        """
        kept = self.get(prompt.name, prompt.tenant)
        if kept is not None and kept.tenant != prompt.tenant:
            kept = None
        messages = json.dumps(list(map(dict, prompt.messages)))
        if kept and (kept.messages, kept.enum) == (prompt.messages, prompt.enum):
            scores = dict.fromkeys((*kept.scores, *prompt.scores))
            self._book.change(
                "UPDATE prompts SET scores = ? WHERE tenant = ? AND name = ? AND version = ?",
                *(_dump(list(scores)), prompt.tenant, prompt.name, kept.version),
            )
        else:
            # The number is found and taken in one statement: two who add at once get two.
            self._book.change(
                "INSERT INTO prompts SELECT ?, ?, COALESCE(MAX(version), 0) + 1, "
                "?, ?, ?, ? FROM prompts WHERE tenant = ? AND name = ?",
                *(prompt.tenant, prompt.name, time.time(), messages, json.dumps(prompt.enum)),
                *(_dump(prompt.scores), prompt.tenant, prompt.name),
            )
        added = self.get(prompt.name, prompt.tenant)
        assert added is not None
        return added


def measured_prompts(report: RunReport, *, tenant: str = "") -> list[Prompt]:
    """The prompts that a run measured, with their scores; rungs that only prompt.

    Raises ``DataError`` where there is none.
    """
    cards = {card.rung: card for card in report.scorecards}
    found = []
    for candidate in report.candidates:
        card = cards.get(candidate.rung)
        if candidate.method != "prompt" or card is None:
            continue
        scores = tuple(
            PromptScore(metric, *_numbers(one), candidate.base or "", report.dataset.version)
            for metric, one in card.metrics.items()
        )
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{report.name}.{candidate.rung}").strip("-.")
        found.append(Prompt(name, 0, _messages(candidate), _labels(candidate), scores, tenant))
    if not found:
        raise DataError(
            f"the run {report.name!r} measured no prompt; add a rung with the method prompt"
        )
    return found


def as_json(prompt: Prompt) -> Json:
    """A version as the routes tell it."""
    return {
        "object": "prompt",
        "id": prompt.name,
        "version": str(prompt.version),
        "created": int(prompt.created),
        "messages": [dict(message) for message in prompt.messages],
        "variables": list(prompt.variables),
        "enum": list(prompt.enum) or None,
        "scores": [asdict(score) for score in prompt.scores],
        "shared": prompt.tenant == "",
    }


def _messages(candidate: Candidate) -> tuple[Mapping[str, str], ...]:
    settings = candidate.settings
    laid = prompt_for(
        candidate.task,
        f"{{{{{TEXT}}}}}",
        label_list=bool(settings["label_list"]),
        role=bool(settings["role"]),
    )
    return tuple({"role": message.role, "content": message.content} for message in laid)


def _labels(candidate: Candidate) -> tuple[str, ...]:
    return candidate.task.labels if candidate.settings["constrained"] else ()


def _numbers(estimate: Json) -> tuple[float, float, float, int]:
    return estimate.value, estimate.low, estimate.high, estimate.n


def _dump(scores: Sequence[PromptScore]) -> str:
    return json.dumps([asdict(score) for score in scores])


def _prompt(row: Json) -> Prompt:
    return Prompt(
        row["name"],
        row["version"],
        tuple(json.loads(row["messages"])),
        tuple(json.loads(row["enum"])),
        tuple(PromptScore(**score) for score in json.loads(row["scores"])),
        row["tenant"],
        row["created"],
    )
