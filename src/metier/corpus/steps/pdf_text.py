"""Take running heads and feet, page numbers and page breaks out of text that came from a PDF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from metier.corpus.edits import Draft, Edit
from metier.corpus.steps.mail import Line, lines_of

_HEAD = 4  # lines at a page's top among which a running head is looked for
_FOOT = 3
_NUMBER = re.compile(r"\d+")
# Roman ones in lower case only: "II" at a page's top heads a section.
_PAGE_NUMBER = re.compile(
    r"[-–—[( ]*(?:[Pp]age|PAGE|[Ss]eite|p\.)?\s*(\d{1,4}|[ivxl]{1,7})"
    r"(?:\s*(?:of|von|/)\s*\d{1,4})?[-–—\]) ]*"
)
_CITE = re.compile(r"(?i)\s*cite (?:this|as)\b.{0,200}")


@dataclass(frozen=True, slots=True)
class PdfFurniture:
    """Delete what is printed on every page around the text, and the page breaks themselves.

    Pages are told apart by form feeds or by the document's regions. A line near a page's edge is
    furniture when it is a page number or a "Cite as:" line, or when the same line, apart from
    numbers, stands at the same edge of another page (two others, from six pages on); lines
    between such a line and the edge go with it. The text of two pages is joined by one newline.
    """

    name: ClassVar[str] = "pdf_furniture"

    def edits(self, draft: Draft) -> list[Edit]:
        pages = _pages(draft)
        if len(pages) < 2:
            return []
        least = 2 if len(pages) < 6 else 3
        pages = _without_edge(pages, _HEAD, least)
        backwards = _without_edge([page[::-1] for page in pages], _FOOT, least)
        edits = []
        body_end = 0
        for body in backwards:
            if body:
                first, last = body[-1], body[0]
                joint = "\n" if body_end and draft.text[body_end - 1] != "\n" else ""
                edits.append(Edit(body_end, first.start, joint))
                body_end = last.end
        edits.append(Edit(body_end, len(draft.text)))
        return edits if body_end else []


def _pages(draft: Draft) -> list[list[Line]]:
    """The printed lines of each page, with their places in the text."""
    text = draft.text
    bounds = [0]
    if "\f" in text:
        bounds += [match.end() for match in re.finditer("\f", text)]
    elif text == draft.document.text:
        regions = draft.document.regions
        for before, after in pairwise(regions):
            if after.page != before.page:
                bounds.append(after.start)
    bounds.append(len(text))
    pages = []
    for start, end in pairwise(bounds):
        page = text[start:end].rstrip("\f")
        lines = [line for line in lines_of(page) if line.text.strip()]
        if lines:
            pages.append([Line(start + a, start + b, text) for a, b, text in lines])
    return pages


def _without_edge(pages: list[list[Line]], depth: int, least: int) -> list[list[Line]]:
    """The pages without the furniture among their first ``depth`` lines."""
    edges = [page[:depth] for page in pages]
    counts = _counts(edges)
    return [
        page[_furniture(edge, counts, least) :] for page, edge in zip(pages, edges, strict=True)
    ]


def _counts(edges: Sequence[Sequence[Line]]) -> Counter[str]:
    """On how many pages each line, apart from its numbers, stands at this edge."""
    return Counter(key for edge in edges for key in {_key(line) for line in edge})


def _key(line: Line) -> str:
    return _NUMBER.sub("#", " ".join(line.text.split())).casefold()


def _furniture(edge: Sequence[Line], counts: Counter[str], least: int) -> int:
    """How many lines from the edge inwards are furniture; ``edge`` begins at the page's edge."""
    innermost = 0
    for number, line in enumerate(edge, start=1):
        # A page number further inside may as well be a footnote's or the end of a sentence.
        page_number = number == innermost + 1 and _is_page_number(line)
        if page_number or _CITE.fullmatch(line.text) or _is_repeated(line, counts, least):
            innermost = number
    return innermost


def _is_page_number(line: Line) -> bool:
    return len(line.text) < 20 and bool(_PAGE_NUMBER.fullmatch(line.text.strip()))


def _is_repeated(line: Line, counts: Counter[str], least: int) -> bool:
    key = _key(line)
    has_words = sum(character.isalpha() for character in key) >= 3
    return has_words and len(key) < 200 and counts[key] >= least
