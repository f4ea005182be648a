"""Reads a Word document's paragraphs and tables in the order in which they stand."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

Part = Any  # python-docx has no types

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH, _TABLE, _ROW, _CELL = (f"{_WORD}{name}" for name in ("p", "tbl", "tr", "tc"))
_BLOCKS = (_PARAGRAPH, _TABLE)
_TEXT_BOX = f"{_WORD}txbxContent"
_TEXTS = {_TEXT_BOX, *(f"{_WORD}{n}" for n in ("t", "tab", "ptab", "br", "cr", "noBreakHyphen"))}
_PASSED_OVER = {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    *(f"{_WORD}{name}" for name in ("pPr", "rPr", "del", "moveFrom")),
}


class UnreadableDocxError(ValueError):
    """The bytes are no Word document, or it is locked."""


@dataclass(frozen=True, slots=True)
class DocxText:
    """What a Word document says."""

    text: str
    """A blank line between blocks; a heading of level 2 begins with ``## ``; a row's cells are
    separated by tabs. Tracked changes are told as accepted."""
    title: str
    """Of the first heading, else of the document's properties; may be empty."""


def read_docx(data: bytes) -> DocxText:
    """The body of a .docx. Raises UnreadableDocxError, whose text is the reason."""
    import docx
    from docx.opc.exceptions import OpcError

    try:
        document = docx.Document(BytesIO(data))
    except (OpcError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        locked = data.startswith(b"\xd0\xcf\x11\xe0")  # an OLE container: encrypted, or Word 97
        reason = "it is protected by a password or in the old .doc format; save it as .docx"
        raise UnreadableDocxError(reason if locked else f"it is broken: {error}") from error
    headings: list[str] = []
    blocks = [block for block in _blocks(document, headings) if block.strip()]
    title = headings[0] if headings else (document.core_properties.title or "").strip()
    return DocxText("\n\n".join(blocks), title)


def _blocks(document: Part, headings: list[str]) -> Iterator[str]:
    for element in _inner(document.element.body, _BLOCKS):
        if element.tag == _TABLE:
            yield _table(element)
            continue
        text, level = _text(element), _heading_level(document, element)
        if level and text.strip():
            headings.append(text.strip())
        yield "#" * level + " " + text if level else text


def _inner(parent: Part, wanted: Collection[str]) -> Iterator[Part]:
    """The wanted elements below, also those in content controls and tracked insertions.

    What is within one of them is its own affair; what was deleted, and the second form of what
    stands there in two, is passed over.
    """
    for element in parent.iterchildren("*"):
        if element.tag in wanted:
            yield element
        elif element.tag not in _PASSED_OVER:
            yield from _inner(element, wanted)


def _text(paragraph: Part) -> str:
    """What a paragraph says with its changes accepted; text boxes stand behind it."""
    inline: list[str] = []
    boxes: list[str] = []
    for element in _inner(paragraph, _TEXTS):
        if element.tag == _TEXT_BOX:
            boxes += filter(str.strip, map(_block, _inner(element, _BLOCKS)))
        else:
            inline.append(str(element))
    return "\n\n".join(["".join(inline), *boxes] if inline else boxes)


def _block(element: Part) -> str:
    return _table(element) if element.tag == _TABLE else _text(element)


def _table(table: Part) -> str:
    """Rows below each other; a cell that spans several rows is told in each."""
    above: dict[int, str] = {}
    lines = []
    for row in _inner(table, (_ROW,)):
        cells = []
        column = 0
        for cell in _inner(row, (_CELL,)):
            text = above.get(column, "") if cell.vMerge == "continue" else _cell(cell)
            above[column] = text
            cells.append(text)
            column += cell.grid_span
        lines.append("\t".join(cells))
    return "\n".join(lines)


def _cell(cell: Part) -> str:
    """A cell on one line; those of a table within it are separated by blanks."""
    blocks = []
    for element in _inner(cell, _BLOCKS):
        text = _block(element).replace("\n", " ")
        blocks.append(text.replace("\t", " ") if element.tag == _TABLE else text)
    return " ".join(filter(str.strip, blocks))


def _heading_level(document: Part, paragraph: Part) -> int:
    from docx.text.paragraph import Paragraph

    style = Paragraph(paragraph, document).style
    name = (style.name if style is not None else "") or ""
    if name == "Title":
        return 1
    kind, _, number = name.partition(" ")
    return int(number) if kind == "Heading" and number.isdigit() else 0
