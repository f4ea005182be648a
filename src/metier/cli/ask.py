"""``metier ask``: put a question to the released specialist."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metier.cli.console import JSON_OPTION, show_json, show_text

if TYPE_CHECKING:
    from metier.types import Answer, Json


def ask(
    specialist: Annotated[
        Path, typer.Argument(help="A specialist's directory, a recipe, or a recipe's folder.")
    ],
    texts: Annotated[
        list[str] | None, typer.Argument(help="What to ask; lines of standard input when absent.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Answer from what held on this day, such as 2023-04-25.")
    ] = None,
    tenant: Annotated[
        str, typer.Option(help="Whose documents to answer from, besides everybody's.")
    ] = "",
    as_json: Annotated[bool, JSON_OPTION] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the answers, with what they rest on, to this one HTML page."),
    ] = None,
    documents: Annotated[
        Path,
        typer.Option(help="The source's folder; quoted pages of PDFs in it are shown on the page."),
    ] = Path(),
) -> None:
    """Put questions to the released specialist.

    What an answer rests on stands in footnotes, and what no passage supports is marked.
    """
    from metier.cli.project import specialist_folder
    from metier.errors import DataError
    from metier.retrieval.grounding.render import answer_in_markdown
    from metier.serving.release.specialist import load
    from metier.types import Scope

    asked = texts or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if not asked:
        raise DataError("nothing to ask: give a text, or lines on standard input")
    scope = Scope(as_of=as_of, tenant=tenant)
    answers = load(specialist_folder(specialist)).ask_all(asked, scope=scope)
    if html is not None:
        _write_page(html, list(zip(asked, answers, strict=True)), documents)
    if as_json:
        show_json([_told(*one) for one in zip(asked, answers, strict=True)])
        return
    for answer in answers:
        sure = max(answer.probabilities.values()) if answer.probabilities else None
        text = answer_in_markdown(answer)
        show_text(text if sure is None else f"{text}  ({sure:.0%} sure)")


def _write_page(file: Path, asked: list[tuple[str, Answer]], documents: Path) -> None:
    from metier.retrieval.grounding.page import answers_page
    from metier.store import write_text

    write_text(file, answers_page(asked, documents=documents))


def _told(text: str, answer: Answer) -> dict[str, Json]:
    """The answer as plain JSON; what it rests on stands in Gemini's shape too."""
    from metier.retrieval.grounding.gemini import as_gemini

    told = {"asked": text, **asdict(answer)}
    if answer.grounding is not None:
        told["groundingMetadata"] = as_gemini(answer.text, answer.grounding)
    return told
