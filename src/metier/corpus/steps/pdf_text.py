"""Take running heads and feet, page numbers and page breaks out of text that came from a PDF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from metier.corpus.edits import Draft, Edit
from metier.corpus.steps.mail import Line, lines_of

_HEAD = 4  # lines at a page's top among which a running head is looked for
_FOOT = 3
_NUMBER = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    # Roman ones in lower case only: "II" at a page's top heads a section.
    r"\W*(?:[Pp]age|PAGE|[Ss]eite|p\.)?\s*(?:\d{1,4}|[ivxl]{1,7})(?:\s*(?:of|von|/)\s*\d{1,4})?\W*"
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
        heads = [_printed(page)[:_HEAD] for page in pages]
        feet = [_printed(page)[-_FOOT:] for page in pages]
        head_counts, foot_counts = _counts(heads), _counts(feet)
        least = 2 if len(pages) < 6 else 3
        edits = []
        body_end = 0
        for page, head, foot in zip(pages, heads, feet, strict=True):
            printed = _printed(page)
            top = _furniture(head, head_counts, least)
            bottom = _furniture(foot[::-1], foot_counts, least)
            body = printed[top : max(top, len(printed) - bottom)]
            if body:
                joint = "\n" if body_end and draft.text[body_end - 1] != "\n" else ""
                edits.append(Edit(body_end, body[0].start, joint))
                body_end = min(body[-1].end, body[-1].start + len(body[-1].text) + 1)
        edits.append(Edit(body_end, len(draft.text)))
        return edits if body_end else []


def _pages(draft: Draft) -> list[list[Line]]:
    """The lines of each page, with their places in the text."""
    text = draft.text
    bounds = [0]
    if "\f" in text:
        bounds += [match.end() for match in re.finditer("\f", text)]
    elif text == draft.document.text:
        regions = draft.document.regions
        for before, after in zip(regions, regions[1:], strict=False):
            if after.page != before.page:
                bounds.append(after.start)
    bounds.append(len(text))
    pages = []
    for start, end in zip(bounds, bounds[1:], strict=False):
        page = text[start:end].rstrip("\f")
        if page.strip():
            pages.append([Line(start + a, start + b, line) for a, b, line in lines_of(page)])
    return pages


def _printed(page: Sequence[Line]) -> list[Line]:
    return [line for line in page if line.text.strip()]


def _counts(edges: Sequence[Sequence[Line]]) -> Counter[str]:
    """On how many pages each line, apart from its numbers, stands at this edge."""
    return Counter(key for edge in edges for key in {_key(line) for line in edge})


def _key(line: Line) -> str:
    return _NUMBER.sub("#", " ".join(line.text.split())).casefold()


def _furniture(edge: Sequence[Line], counts: Counter[str], least: int) -> int:
    """How many lines from the edge inwards are furniture; ``edge`` begins at the page's edge."""
    innermost = 0
    for number, line in enumerate(edge, start=1):
        repeated = counts[_key(line)] >= least and len(line.text) < 200
        if repeated or _CITE.fullmatch(line.text) or _is_page_number(line):
            innermost = number
    return innermost


def _is_page_number(line: Line) -> bool:
    return len(line.text) < 20 and bool(_PAGE_NUMBER.fullmatch(line.text.strip()))
