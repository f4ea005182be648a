"""Reads a Word document's paragraphs and tables in the order in which they stand."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

Part = Any  # python-docx has no types


class UnreadableDocxError(ValueError):
    """The bytes are no Word document, or it is locked."""


@dataclass(frozen=True, slots=True)
class DocxText:
    """What a Word document says."""

    text: str
    """A blank line between blocks; a heading of level 2 begins with ``## ``; a row's cells are
    separated by tabs."""
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
    from docx.table import Table

    for block in document.iter_inner_content():
        if isinstance(block, Table):
            yield "\n".join(_row(row) for row in block.rows)
            continue
        level = _heading_level(block)
        if level and block.text.strip():
            headings.append(block.text.strip())
        yield "#" * level + " " + block.text if level else block.text


def _heading_level(paragraph: Part) -> int:
    name = paragraph.style.name if paragraph.style is not None else ""
    if name == "Title":
        return 1
    kind, _, number = (name or "").partition(" ")
    return int(number) if kind == "Heading" and number.isdigit() else 0


def _row(row: Part) -> str:
    # A merged cell comes once for each column that it spans.
    cells = {id(cell._tc): cell.text.replace("\n", " ") for cell in row.cells}
    return "\t".join(cells.values())
