"""The ``metier`` command: its verbs, and what becomes of errors."""

from __future__ import annotations

import sys

import typer

from metier.cli import ask, evaluate, ingest, models, new, recipe, report, runs
from metier.cli import run as run_verb
from metier.errors import UserError

app = typer.Typer(
    name="metier",
    help="Give a language model a trade: build every reasonable specialist from your documents, "
    "measure them on the same held-out items, and ship the one that earns its cost.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def main(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from metier import __version__

        typer.echo(__version__)
        raise typer.Exit


app.command("new")(new.new)
app.command("ingest")(ingest.ingest)
app.command("fit")(run_verb.fit)
app.command("evaluate")(evaluate.evaluate)
app.command("decide")(evaluate.decide)
app.command("run")(run_verb.run)
app.command("report")(report.report)
app.command("ask")(ask.ask)
app.command("runs")(runs.runs)
app.add_typer(recipe.app, name="recipe")
app.add_typer(models.app, name="models")


def run() -> None:
    """Entry point: exit code 0, 1 (ran, a gate failed), 2 (the user can mend it), 130 (stopped)."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; run the same command again and it goes on where it was\n")
        sys.exit(130)


if __name__ == "__main__":
    run()
