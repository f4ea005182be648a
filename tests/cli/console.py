"""The command line inside this process: quick, and an error that escapes it fails the test."""

from dataclasses import dataclass

from typer.testing import CliRunner

from metier.cli.main import app


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def call(*arguments: object, given: str | None = None) -> Done:
    """Run ``metier ARGUMENTS``; raises what the command itself did not turn into an exit code."""
    result = CliRunner().invoke(app, [str(word) for word in arguments], input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code != 70, result.stderr
    return Done(result.exit_code, result.stdout, result.stderr)


def refused(*arguments: object, given: str | None = None) -> str:
    """The message of a command that must end with exit code 2 and print no result."""
    done = call(*arguments, given=given)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ") or "Usage:" in done.err
    assert "Traceback" not in done.err
    return done.err
