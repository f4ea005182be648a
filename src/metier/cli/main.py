"""The ``metier`` command: its verbs, and what becomes of errors."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from metier.cli import generate, keys, models, prompts, recipe
from metier.cli.ask import ask
from metier.cli.audit import audit
from metier.cli.changes import changes
from metier.cli.feedback import feedback
from metier.cli.follow import follow
from metier.cli.mcp import mcp
from metier.cli.new import new
from metier.cli.plan import plan
from metier.cli.release import release
from metier.cli.report import report
from metier.cli.run import run
from metier.cli.runs import runs
from metier.cli.serve import serve
from metier.cli.stages import decide, evaluate, fit, ingest
from metier.errors import UserError


class Verbs(TyperGroup):
    """Turns errors into exit codes: 2 where the user can mend it, 130 when stopped by Ctrl-C.

    70 is an error of metier's own (EX_SOFTWARE), so that no script takes it for a gate's 1.
    """

    def invoke(self, ctx: Any) -> object:
        """Run the verb; 0 is success, and a verb itself exits with 1 when a gate failed."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            sys.stderr.write(f"error: {error}\n")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            sys.stderr.write("stopped; run the same command again and it goes on where it was\n")
            raise typer.Exit(130) from None
        except (typer.Abort, BrokenPipeError):
            raise  # typer ends these
        except Exception as error:
            if hasattr(error, "exit_code"):
                raise  # typer's own: a wrong option, or an exit
            traceback.print_exc()
            raise typer.Exit(70) from None


app = typer.Typer(
    name="metier",
    cls=Verbs,
    help="Give a language model a trade: build every reasonable specialist from your documents, "
    "measure them on the same held-out items, and ship the one that earns its cost.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

verbs = (new, ingest, fit, evaluate, decide, run, report, release, ask, runs, plan, follow)
for verb in (*verbs, changes, mcp, serve, feedback, audit):
    app.command()(verb)
app.add_typer(generate.app, name="generate")
app.add_typer(recipe.app, name="recipe")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(prompts.app, name="prompts")


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Print the version when asked."""
    if show:
        from metier import __version__

        typer.echo(__version__)
        raise typer.Exit


if __name__ == "__main__":
    app()
