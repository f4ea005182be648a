"""``metier plan``: a request as a graph that can be read, changed, and run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.cli.console import JSON_OPTION, show_json, show_text

if TYPE_CHECKING:
    from metier.tools.plans.nodes import Bench
    from metier.types import Plan, PlanRun


def plan(
    specialist: Annotated[
        Path,
        typer.Argument(help="Whose documents: a specialist's directory, or a recipe's folder."),
    ],
    request: Annotated[
        str | None, typer.Argument(help="What is wanted; without it, the plan in --out runs again.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where plan, results and files go.")] = Path("plan"),
    template: Annotated[
        str, typer.Option(help="answer, calculate, chart; auto to choose; free for none.")
    ] = "auto",
    model: Annotated[
        str | None, typer.Option(help="Who plans, reads and writes; the specialist's base if none.")
    ] = None,
    only_plan: Annotated[bool, typer.Option(help="Write the plan and do nothing of it.")] = False,
    steps: Annotated[int, typer.Option(min=1, help="Nodes to run at most.")] = 16,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens to spend at most.")] = 32768,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds to spend at most.")] = 600.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Plan a request and carry it out.

    Its steps find, read, reckon, draw and write. Change OUT/plan.json and give no request: only
    what the change concerns is done again.
    """
    from metier import serial
    from metier.store import write_text
    from metier.tools.plans.execute import run_plan
    from metier.tools.plans.folder import ANSWER, PlanFolder
    from metier.tools.plans.planning import make_plan
    from metier.types import Budget

    folder, bench = PlanFolder(out), _bench(specialist, model)
    if request is not None:
        folder.save(make_plan(request, bench.model, template=template))
    planned = folder.plan()
    if only_plan:
        show_json(serial.to_json(planned)) if as_json else _show_plan(planned)
        return
    run = run_plan(
        planned,
        bench,
        budget=Budget(steps, tokens, seconds),
        earlier=folder.results(),
        on_result=folder.keep,
    )
    write_text(out / ANSWER, f"{run.answer}\n")
    if as_json:
        show_json(_told(run))
        return
    _show_plan(planned)
    _show_run(run, out)


def _bench(specialist: Path, model: str | None) -> Bench:
    from metier.cli.project import specialist_folder
    from metier.errors import DataError
    from metier.methods import candidate as candidates
    from metier.models.registry import LocalModels
    from metier.protocols import Tool
    from metier.serving.release.specialist import read_release
    from metier.tools.plans.nodes import Bench
    from metier.tools.python import PythonTool
    from metier.tools.release import search_of

    place = specialist_folder(specialist)
    name = model or candidates.read(place).base
    if name is None:
        raise DataError(f"the specialist in {place} has no language model; name one with --model")
    models = LocalModels(engine=read_release(place).engine)
    tools: dict[str, Tool] = {"search": search_of(place, models), "python": PythonTool()}
    return Bench(models.language_model(name), tools)


def _show_plan(plan: Plan) -> None:
    show_text(f"plan: {plan.template or 'free'}")
    for node in plan.nodes:
        reads = f" of {', '.join(node.inputs)}" if node.inputs else ""
        told = ", ".join(f"{name} {value}" for name, value in node.settings.items())
        show_text(f"  {node.id}: {node.kind}{reads}: {told}")


def _show_run(run: PlanRun, out: Path) -> None:
    from metier.retrieval.grounding.render import to_markdown
    from metier.tools.plans.folder import ARTIFACTS

    for result in run.results:
        again = " (kept)" if result.node in run.reused else ""
        show_text(f"\n{result.node}{again}, {result.seconds:.1f} s")
        for artifact in result.artifacts:
            show_text(f"  {out / ARTIFACTS / result.node / artifact.name}")
    if run.stopped_by:
        show_text(f"\nstopped by {run.stopped_by}")
    cited = run.grounding is not None and run.grounding.cited
    show_text(
        "\n" + (to_markdown(run.answer, run.grounding) if cited and run.grounding else run.answer)
    )


def _told(run: PlanRun) -> dict[str, object]:
    from dataclasses import replace

    from metier import serial

    bare = replace(run, results=tuple(replace(one, artifacts=()) for one in run.results))
    made = {one.node: [file.name for file in one.artifacts] for one in run.results}
    return {**serial.to_json(bare), "artifacts": made}
