"""``metier ask``: put a question to the released specialist."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from metier.cli.console import JSON_OPTION, show, show_json


def ask(
    specialist: Annotated[
        Path, typer.Argument(help="A specialist's directory, a recipe, or a recipe's folder.")
    ],
    texts: Annotated[
        list[str] | None, typer.Argument(help="What to ask; lines of standard input when absent.")
    ] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Put questions to the released specialist; one line of answer for each."""
    from metier.cli.project import specialist_folder
    from metier.errors import DataError
    from metier.serving.specialist import load

    asked = texts or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if not asked:
        raise DataError("nothing to ask: give a text, or lines on standard input")
    answers = load(specialist_folder(specialist)).ask_all(asked)
    if as_json:
        show_json([{"asked": text, **asdict(a)} for text, a in zip(asked, answers, strict=True)])
        return
    for answer in answers:
        sure = max(answer.probabilities.values()) if answer.probabilities else None
        show(answer.text if sure is None else f"{answer.text}  ({sure:.0%} sure)")
