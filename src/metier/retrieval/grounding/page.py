"""Answers as one HTML page that needs nothing beside itself, the quoted pages of PDFs in it."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from metier.errors import DataError, SourceError
from metier.retrieval.grounding.pdf import marked_page
from metier.retrieval.grounding.render import answer_in_html
from metier.types import Answer, Grounding, Span

_HEAD = """<!doctype html>
<html lang="">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Answers</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
section { border-top: 1px solid #8886; padding: 1.25rem 0; }
.answer { font-size: 1.15rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.sources { font-size: .9rem; overflow-wrap: anywhere; }
.note, .sure, figcaption { font-size: .9rem; opacity: .75; }
mark.unsupported { background: #ffe0b3; color: #000; }
mark.unsupported::after { content: " (" attr(title) ")"; font-size: .8em; }
figure { margin: 1rem 0; }
img { width: 100%; border: 1px solid #8886; }
</style>
"""


def answers_page(asked: Sequence[tuple[str, Answer]], *, documents: Path) -> str:
    """Questions with their answers, footnotes, and each quoted page of a PDF below ``documents``.

    Everything that people, models or documents wrote is escaped, and the page loads nothing.
    """
    parts = [_section(n, *one, documents.resolve()) for n, one in enumerate(asked, 1)]
    # A lone half of a pair of surrogates, which broken input can hold, is in no file.
    return (_HEAD + "".join(parts)).encode("utf-8", "replace").decode("utf-8")


def _section(number: int, text: str, answer: Answer, folder: Path) -> str:
    if answer.grounding is not None:
        answer = replace(answer, grounding=_linked(answer.grounding, folder))
    sure = max(answer.probabilities.values()) if answer.probabilities else None
    return "\n".join(
        [
            f"<section>\n<h1>{html.escape(text)}</h1>",
            answer_in_html(answer, prefix=f"answer-{number}"),
            "" if sure is None else f'<p class="sure">{100 * sure:.0f} % sure</p>',
            *_figures(answer.grounding, folder),
            "</section>\n",
        ]
    )


def _linked(grounding: Grounding, folder: Path) -> Grounding:
    """With links to the files themselves, which open wherever on this machine the page lies."""
    files = [_file(chunk.uri, folder) for chunk in grounding.chunks]
    chunks = [
        chunk if file is None else replace(chunk, uri=file.as_uri())
        for chunk, file in zip(grounding.chunks, files, strict=True)
    ]
    return replace(grounding, chunks=tuple(chunks))


def _file(uri: str, folder: Path) -> Path | None:
    """The file in the folder that a document's path or address names; None for all else.

    A document may name any place of the disk, so nothing outside of the folder is taken.
    """
    local = unquote(uri.removeprefix("file://")) if uri.startswith("file:///") else uri
    try:
        file = (folder / local).resolve()
        return file if file.is_relative_to(folder) and file.is_file() else None
    except (OSError, ValueError):  # too long, or with signs that no path may have
        return None


def _figures(grounding: Grounding | None, folder: Path) -> Iterator[str]:
    """Each place of a local PDF that is quoted, once."""
    if grounding is None:
        return
    shown: set[tuple[str, int, object]] = set()
    for support in grounding.supports:
        for place, quote in zip(support.chunks, support.quotes, strict=True):
            chunk = grounding.chunks[place]
            file = _file(chunk.uri, folder)
            if file is None or file.suffix.lower() != ".pdf" or quote.page is None:
                continue
            if (chunk.uri, quote.page, quote.box) not in shown:
                shown.add((chunk.uri, quote.page, quote.box))
                yield _figure(file, quote, chunk.title or file.name)


def _figure(file: Path, quote: Span, title: str) -> str:
    caption = html.escape(f"{title}, page {quote.page}")
    try:
        data = base64.b64encode(marked_page(file, quote)).decode()
    except (DataError, SourceError) as error:
        return f'<p class="note">{caption}: {html.escape(str(error))}</p>'
    picture = f'<img src="data:image/png;base64,{data}" alt="{caption}, the quote marked">'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
