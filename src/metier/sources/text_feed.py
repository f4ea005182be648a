"""Feeds a text file's bytes as UTF-8 in blocks that end where a line ends."""

from __future__ import annotations

import codecs
from typing import BinaryIO

from metier.errors import SourceError

MAX_CHARACTERS = 50_000_000
"""A longer text is no document but an accident, such as a quote that is never closed."""
MAX_LINE = 4 * MAX_CHARACTERS
"""In bytes: room for the longest text in any script, and the bound on memory."""
BLOCK = 4 << 20
SNIFF = 1 << 16
BINARY_MAGIC = {
    b"PK\x03\x04": "a zip file or an office document",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed with gzip (give it the suffix .gz)",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard (give it the suffix .zst)",
    b"PAR1": "a Parquet file (give it the suffix .parquet)",
    b"SQLite format 3": "an SQLite database",
}


class TextFeed:
    """The bytes of one text file, as UTF-8 without a byte order mark.

    Bytes that the encoding does not know stay as they are, so that the row that holds them can
    be reported with its line.
    """

    def __init__(self, stream: BinaryIO, *, uri: str, encoding: str = "utf-8") -> None:
        self._stream = stream
        self._uri = uri
        self._decoder = _decoder(encoding, uri)
        self._rest = self._first()

    def block(self) -> bytes:
        """Some whole lines, about 4 MB; at the end of the file ``b""``.

        Of a line longer than ``MAX_LINE`` only the beginning comes, marked by a NUL.
        """
        parts, size = [self._rest], len(self._rest)
        self._rest = b""
        while True:
            data = self._read()
            if not data:
                return _cut(b"".join(parts)) if size > MAX_LINE else b"".join(parts)
            end = data.rfind(b"\n") + 1
            if end and size + end <= MAX_LINE:
                self._rest = data[end:]
                return b"".join((*parts, data[:end]))
            if end:
                end = data.find(b"\n") + 1
                self._rest = data[end:]
                return _cut(b"".join((*parts, data[:end])))
            if size <= MAX_LINE:
                parts.append(data)
                size += len(data)

    def put_back(self, data: bytes) -> None:
        """Let the next block begin with ``data``."""
        self._rest = data + self._rest

    def _first(self) -> bytes:
        head = self._stream.read(SNIFF)
        if not head:
            raise SourceError(f"{self._uri}: the file is empty; check what wrote it")
        if self._decoder is None:
            _refuse_binary(head, self._uri)
            return head.removeprefix(codecs.BOM_UTF8)
        return self._transcode(head).removeprefix(codecs.BOM_UTF8)

    def _read(self) -> bytes:
        data = self._stream.read(BLOCK)
        if self._decoder is None:
            return data
        # A decoder may hold back all of a short read; an empty answer would mean the end.
        decoded = self._transcode(data, final=not data)
        return decoded if decoded or not data else self._read()

    def _transcode(self, data: bytes, *, final: bool = False) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decode(data, final).encode("utf-8", "surrogateescape")
        except UnicodeError as error:
            raise SourceError(
                f"{self._uri}: not in the encoding given ({error}); give its true encoding"
            ) from error


def _decoder(encoding: str, uri: str) -> codecs.IncrementalDecoder | None:
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise SourceError(
            f"{uri}: unknown encoding {encoding!r}; try utf-8, utf-16, cp1252 or latin-1"
        ) from error
    if name in ("utf-8", "utf-8-sig", "ascii"):
        return None
    return codecs.getincrementaldecoder(name)("surrogateescape")


def _refuse_binary(head: bytes, uri: str) -> None:
    for magic, what in BINARY_MAGIC.items():
        if head.startswith(magic):
            raise SourceError(f"{uri}: not a text file but {what}")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceError(f'{uri}: the file is in UTF-16; give encoding = "utf-16"')
    at = head.find(b"\0")
    if at >= 0:
        line = head.count(b"\n", 0, at) + 1
        raise SourceError(
            f"{uri}:{line}: holds NUL bytes, so it is not UTF-8 text; "
            'if it is UTF-16, give encoding = "utf-16", else export it again as UTF-8 text'
        )
    unreadable = head.decode("utf-8", "replace").count("\ufffd")
    if unreadable > max(16, len(head) / 10):
        raise SourceError(
            f"{uri}: more than a tenth of the first bytes is not UTF-8, so it is not text or in "
            'another encoding; give that encoding, for example encoding = "utf-16" or "cp1252"'
        )


def _cut(data: bytes) -> bytes:
    """Shorten the last line; readers refuse its NUL, so it can never pass for a whole one."""
    start = data.rfind(b"\n", 0, len(data) - 1) + 1
    if len(data) - start <= MAX_LINE:
        return data
    return data[: start + MAX_LINE] + b"\0\n"


def fault(raw: bytes) -> str | None:
    """Why these bytes of one row are no text that can be kept, or None."""
    if b"\0" in raw:
        at = raw.index(b"\0")
        return f"longer than {MAX_LINE:,} bytes" if at == MAX_LINE else f"NUL byte at byte {at}"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return (
            f"byte 0x{raw[error.start]:02X} at byte {error.start} of the line is not UTF-8; "
            "if the whole file is in another encoding, name it with encoding = ..."
        )
    return None
