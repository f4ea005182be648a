"""Shows the page of a PDF with the quoted lines marked."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.errors import DataError, SourceError
from metier.types import Span

_YELLOW = np.array([1.0, 0.93, 0.35])
_FRAME = np.array([200, 60, 0], dtype=np.uint8)


def marked_page(file: Path, span: Span, *, scale: float = 1.5) -> bytes:
    """The page that the span is on as a PNG, its box marked; ``scale`` 1 is 72 pixels an inch.

    Raises ``DataError`` for a page without a text layer, a span without a place, or a page that
    the file does not have; ``SourceError`` for a file that cannot be read.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(file)
    except (pypdfium2.PdfiumError, OSError) as error:
        raise SourceError(f"{file} cannot be read as a PDF ({error}); fetch it anew") from error
    try:
        page = _page(document, file, span)
        bitmap = page.render(scale=scale, rev_byteorder=True)
        pixels = np.ascontiguousarray(bitmap.to_numpy()[:, :, :3])
        if span.box is not None:
            left, bottom, right, top = span.box
            convert = bitmap.get_posconv(page)
            _mark(pixels, convert.to_bitmap(left, top), convert.to_bitmap(right, bottom))
    finally:
        document.close()
    return _png(pixels)


def _page(document: Any, file: Path, span: Span) -> Any:
    """The span's page (``Any``: pypdfium2 has no types)."""
    if span.page is None or not 1 <= span.page <= len(document):
        raise DataError(f"{file} has {len(document)} pages, and no page {span.page} to show")
    page = document[span.page - 1]
    text = page.get_textpage()
    try:
        if not text.get_text_range().strip():
            raise DataError(
                f"page {span.page} of {file} has no text layer, so nothing on it can be marked: "
                "run OCR first"
            )
    finally:
        text.close()
    return page


def _mark(pixels: NDArray[np.uint8], corner: tuple[int, int], other: tuple[int, int]) -> None:
    """Tint the box and frame it; the page may be turned, so either corner may be the upper one."""
    height, width = pixels.shape[:2]
    left, right = (min(max(0, x), width - 1) for x in sorted((corner[0] - 2, other[0] + 2)))
    top, bottom = (min(max(0, y), height - 1) for y in sorted((corner[1] - 2, other[1] + 2)))
    box = pixels[top : bottom + 1, left : right + 1]
    box[:] = (box * _YELLOW).astype(np.uint8)  # multiplied, so that print stays black
    for edge in (box[:1], box[-1:], box[:, :1], box[:, -1:]):
        edge[:] = _FRAME


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An RGB picture of shape (height, width, 3) as PNG, without a library for it."""

    def block(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # a 0 before each row: no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + block(b"IHDR", head)
        + block(b"IDAT", zlib.compress(rows.tobytes(), 6))
        + block(b"IEND", b"")
    )
