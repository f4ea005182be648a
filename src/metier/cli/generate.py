"""``metier generate``: questions and answers from the documents, and a person's look at them."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from metier.cli.console import JSON_OPTION, console, show, show_json, show_text
from metier.cli.project import (
    ProjectOption,
    RecipeArgument,
    known_project,
    opened_pipeline,
)

if TYPE_CHECKING:
    from metier.pipeline import Pipeline


class RunsByDefault(TyperGroup):
    """``metier generate RECIPE`` is ``metier generate run RECIPE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default verb in front where none is given, and none was misspelt."""
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            meant = get_close_matches(args[0], self.commands, n=1) if args else []
            if meant and not Path(args[0]).exists():
                ctx.fail(f"No such command {args[0]!r}. Did you mean {meant[0]!r}?")
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=RunsByDefault, help="Write questions and answers; review, audit, export them."
)


@app.command()
def run(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say what it would take.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Go over it again; only what has no answer is asked.")
    ] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Write questions and answers and verify each. Goes on where it was stopped."""
    from metier.cli.generate_view import as_text, estimated, held
    from metier.dataset.generate.kept.rows import read_generated
    from metier.pipeline.lineage import deleted_since
    from metier.serial import to_json

    with opened_pipeline(recipe, project) as pipeline:
        if estimate:
            told = pipeline.generation_estimate
            show_json(to_json(told)) if as_json else show(estimated(told))
            return
        if again or not pipeline.is_generated:
            console(error=True).print(estimated(pipeline.generation_estimate))
        deleted = deleted_since(pipeline.project, pipeline.corpus)
        if again:
            pipeline.forget_generation()
        directory = pipeline.generation
    generated = read_generated(directory)
    if as_json:
        gone = [to_json(one) for one in deleted]
        show_json({"directory": str(directory), **to_json(generated.report), "deleted": gone})
    else:
        if deleted:
            show("deleted since the last run; these hold them still:")
        for one in deleted:
            show_text(held(one))
        show(as_text(generated.report))
        show(f"rows: {directory}")


@app.command()
def review(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the rows as JSONL for an editor.")
    ] = None,
    back: Annotated[
        Path | None, typer.Option("--in", help="Read the JSONL back, as changed.")
    ] = None,
) -> None:
    """Accept, edit or reject rows, here or in a file. A rejected row never trains."""
    from metier.cli.generate_view import reviewed_here
    from metier.dataset.generate.kept.review import (
        REVIEWS,
        keep_reviews,
        read_form,
        read_reviews,
        write_form,
    )

    with opened_pipeline(recipe, project) as pipeline:
        rows, file = _rows(pipeline), pipeline.project.path / REVIEWS
    earlier = read_reviews(file)
    if out is not None:
        write_form(out, rows, earlier)
        show(f"{len(rows)} rows: {out}")
        return
    if back is not None:
        kept = keep_reviews(file, read_form(back, rows))
    else:
        kept = reviewed_here([row for row in rows if row.id not in earlier], file)
    counts = {word: 0 for word in ("accept", "edit", "reject")}
    for one in kept.values():
        counts[one.verdict] += 1
    show(f"reviewed {len(kept)}: " + ", ".join(f"{word} {n}" for word, n in counts.items()))


@app.command()
def audit(
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Rows to draw.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Which rows are drawn.")] = 0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Judge a random sample to say how many rows are wrong. The interval is told too."""
    from metier.cli.generate_view import audited, judged_here
    from metier.dataset.generate.kept.audit import draw, read_verdicts, result
    from metier.serial import to_json

    with opened_pipeline(recipe, project) as pipeline:
        rows, file = _rows(pipeline), pipeline.project.path / "audit.jsonl"
    sample = draw(rows, seed=seed, count=count)
    if not as_json:
        verdicts = read_verdicts(file)
        judged_here([row for row in sample if row.id not in verdicts], file)
    found = result(sample, read_verdicts(file))
    if as_json:
        show_json(to_json(found) if found else None)
    else:
        show(audited(found))


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="The JSONL file to write.")],
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    form: Annotated[
        str, typer.Option("--form", help="trl, chatml, alpaca, sharegpt or questions.")
    ] = "trl",
) -> None:
    """Write the rows that may train in a form that trainers read."""
    from metier.dataset.generate.kept.export import check_form
    from metier.dataset.generate.kept.export import export as export_rows
    from metier.dataset.generate.kept.review import REVIEWS, read_reviews
    from metier.dataset.generate.kept.rows import reviewed

    check_form(form)
    with opened_pipeline(recipe, project) as pipeline:
        rows, role = _rows(pipeline), pipeline.recipe.task.role
        reviews = read_reviews(pipeline.project.path / REVIEWS)
    kept = reviewed(rows, reviews)
    export_rows(kept, target, form, role=role)
    show(f"{len(kept)} rows: {target}")


@app.command()
def affected(
    document: Annotated[str, typer.Argument(help="The document's id.")],
    recipe: RecipeArgument = Path("."),
    project: ProjectOption = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """List the datasets, adapters and indexes that hold a document."""
    from metier.cli.generate_view import held
    from metier.pipeline.lineage import everything_from
    from metier.serial import to_json

    found = everything_from(known_project(recipe, project), document)
    show_json(to_json(found)) if as_json else show(held(found))


def _rows(pipeline: Pipeline) -> Any:
    """The accepted rows (``Any``: the type is imported late); none is written for it."""
    from metier.dataset.generate.kept.rows import read_generated
    from metier.errors import DataError

    if not pipeline.is_generated:
        raise DataError(
            "no questions and answers stand for this recipe and its documents yet; "
            "`metier generate` writes them"
        )
    return list(read_generated(pipeline.generation).accepted)
