"""Reads a PDF's text with the place of every line."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from metier.types import Box, Region

PdfDocument = Any  # pypdfium2 has no types

HYPHEN = ord("-")
LINE_HYPHENS = (0x02, 0xFFFE)
"""What PDFium gives for a hyphen at the end of a line; it leaves out the line's end after it."""
LINE_ENDS = (*LINE_HYPHENS, ord("\r"), ord("\n"))
PASSWORD = "it is protected by a password; save a copy without one"


class UnreadablePdfError(ValueError):
    """The PDF is broken, locked or without text."""


@dataclass(frozen=True, slots=True)
class PdfText:
    """What a PDF says and where."""

    text: str
    """Lines end with a line feed, pages with a form feed behind it."""
    title: str
    regions: tuple[Region, ...]
    """One for each line; ``text[start:end]`` is the line without its end."""
    unread: tuple[int, ...] = ()
    """Pages, from 1, that show something and have no text layer."""


def read_pdf(data: bytes) -> PdfText:
    """The text layer of all pages. Raises UnreadablePdfError, whose text is the reason."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise UnreadablePdfError(
            PASSWORD if locked else f"it is broken: {error}; fetch it anew"
        ) from error
    try:
        title = document.get_metadata_dict().get("Title", "").strip()
        pages = [list(_page_lines(document, page)) for page in range(len(document))]
        bare = [page for page, lines in enumerate(pages) if not lines]
        unread = tuple(page + 1 for page in bare if _shows_something(document, page))
    finally:
        document.close()
    text, regions = _join(pages)
    if not regions:
        raise UnreadablePdfError("no text layer: run OCR first")
    return PdfText(text, title, regions, unread)


def unread_pages(pages: Sequence[int]) -> str:
    """What is to be said of the pages that have no text layer."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][-1] + 1:
            runs[-1].append(page)
        else:
            runs.append([page])
    listed = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    many = len(pages) > 1
    return (
        f"{'pages' if many else 'page'} {listed} {'have' if many else 'has'} no text layer: run "
        "OCR first; the other pages are read"
    )


def _shows_something(document: PdfDocument, index: int) -> bool:
    import pypdfium2

    page = document[index]
    try:
        return bool(pypdfium2.raw.FPDFPage_CountObjects(page) > 0)
    finally:
        page.close()


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    box: Box


def _join(pages: Sequence[Sequence[_Line]]) -> tuple[str, tuple[Region, ...]]:
    parts: list[str] = []
    regions: list[Region] = []
    offset = 0
    for number, lines in enumerate(pages, 1):
        if number > 1:
            parts.append("\f")
            offset += 1
        for line in lines:
            end = offset + len(line.text)
            regions.append(Region(offset, end, number, line.box))
            parts.append(line.text + "\n")
            offset = end + 1
    return "".join(parts), tuple(regions)


def _page_lines(document: PdfDocument, index: int) -> Iterator[_Line]:
    """The lines of a page that are not blank, in PDFium's reading order."""
    import pypdfium2

    try:
        page = document[index]
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError as error:
        raise UnreadablePdfError(f"its page {index + 1} is broken: {error}") from error
    try:
        units: list[int] = []
        boxes: list[Box] = []
        for place in range(text_page.count_chars()):
            unit = pypdfium2.raw.FPDFText_GetUnicode(text_page, place)
            if unit not in LINE_ENDS:
                units.append(unit)
                boxes.append(text_page.get_charbox(place))
                continue
            yield from _line([*units, HYPHEN] if unit in LINE_HYPHENS else units, boxes)
            units, boxes = [], []
        yield from _line(units, boxes)
    finally:
        text_page.close()
        page.close()


def _line(units: Sequence[int], boxes: Sequence[Box]) -> Iterator[_Line]:
    # PDFium counts UTF-16 units, so a character outside the basic plane comes as two.
    encoded = array("H", units).tobytes()
    text = encoded.decode(f"utf-16-{sys.byteorder[0]}e", "replace").replace("\0", "\ufffd")
    if boxes and text.strip():
        left, bottom, right, top = zip(*boxes, strict=True)
        yield _Line(text, (min(left), min(bottom), max(right), max(top)))
