"""Decodes the bytes of a text or HTML file, or says at which byte they are no text."""

from __future__ import annotations

import codecs
import re

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
META_WITHIN = 1024
"""The HTML standard looks for the declaration in this many bytes."""


class NotTextError(ValueError):
    """The bytes are no text in the encoding that they are supposed to have."""


def decode_text(data: bytes, *, html: bool = False) -> str:
    """Decode by the byte order mark, for HTML else by its ``<meta charset>``, else as UTF-8."""
    encoding, body = "utf-8", data
    for mark, name in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            encoding, body = name, data[len(mark) :]
            break
    else:
        declared = META_CHARSET.search(data, 0, META_WITHIN) if html else None
        if declared:
            encoding = _web_name(declared[1].decode("ascii", "replace"))
    try:
        text = body.decode(encoding)
    except LookupError as error:
        raise NotTextError(f"declares the unknown encoding {encoding!r}") from error
    except UnicodeDecodeError as error:
        offset = error.start + len(data) - len(body)
        raise NotTextError(f"byte {offset} is not {encoding}; save the file as UTF-8") from error
    at = text.find("\0")
    if at >= 0:
        raise NotTextError(f"character {at} is NUL, so this is no text file")
    return text


def _web_name(charset: str) -> str:
    # The HTML standard reads these labels as the Windows code page, as browsers do.
    latin = {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "ascii", "us-ascii"}
    return "cp1252" if charset.lower() in latin else charset
