"""How ``metier ingest`` shows what cleaning did."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from metier.types import IngestReport, Json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from metier.recipe import Recipe


def counts(report: IngestReport) -> RenderableType:
    """What came in, what each step changed, what was dropped and why."""
    from rich.console import Group
    from rich.table import Table

    table = Table("", "documents", "characters", box=None)
    table.add_row("read", f"{report.documents_in:,}", "")
    for step in report.steps:
        table.add_row(f"changed by {step.step}", f"{step.documents:,}", f"-{step.characters:,}")
    for reason, dropped in report.dropped.items():
        table.add_row(f"dropped: {reason}", f"{dropped:,}", "")
    table.add_row("malformed", f"{report.malformed_count:,}", "")
    table.add_row("kept", f"{report.documents:,}", f"{report.chunks:,} chunks")
    lines = [f"  {bad.uri}:{bad.line or '-'}: {bad.reason}" for bad in report.malformed[:10]]
    if report.malformed_count > len(lines):
        lines.append(f"  ... and {report.malformed_count - len(lines):,} more")
    return Group(table, *lines, f"corpus version {report.version}, {report.seconds:.1f} s")


def before_and_after(recipe: Recipe, documents: int, folder: Path) -> list[dict[str, Json]]:
    """The first documents as each step leaves them, and what a step took out."""
    from metier.corpus.clean import make_step, preview
    from metier.settings import joined_sources

    steps = [make_step(step.name, step.options) for step in recipe.cleaning.steps]
    source = joined_sources(recipe.sources, folder)
    return [
        {
            "document": document.id,
            "before": document.text,
            "steps": [
                {"step": one.step, "taken": list(one.taken), "after": one.after}
                for one in preview(document, steps)
            ],
        }
        for document in islice(source.documents(lambda malformed: None), documents)
    ]


def shown_before_and_after(documents: Sequence[dict[str, Json]]) -> RenderableType:
    """The same for a person."""
    from rich.console import Group
    from rich.text import Text

    shown = []
    for document in documents:
        shown += [Text(document["document"], "bold"), Text(document["before"])]
        for step in document["steps"]:
            taken = "\n".join(f"  - {text!r}" for text in step["taken"]) or "  nothing"
            shown.append(Text.assemble("\n", (step["step"], "bold"), f" took out\n{taken}"))
        if document["steps"]:
            after = document["steps"][-1]["after"]
            shown.append(Text.assemble("\n", ("after all steps", "bold"), f"\n{after}\n"))
    return Group(*shown)
