"""The ``metier`` command: its verbs, and what becomes of errors."""

from __future__ import annotations

import sys

import click
import typer

from metier.cli import models, recipe
from metier.cli.ask import ask
from metier.cli.new import new
from metier.cli.report import report
from metier.cli.run import run
from metier.cli.runs import runs
from metier.cli.stages import decide, evaluate, fit, ingest
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

for verb in (new, ingest, fit, evaluate, decide, run, report, ask, runs):
    app.command()(verb)
app.add_typer(recipe.app, name="recipe")
app.add_typer(models.app, name="models")


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Print the version when asked."""
    if show:
        from metier import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: exit code 0, 1 (ran, a gate failed), 2 (the user can mend it), 130 (stopped)."""
    try:
        code = app(standalone_mode=False)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("\nstopped; run the same command again and it goes on where it was\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
