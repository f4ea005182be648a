"""Documents from JSON lines that keep coming: a file that grows, or a socket."""

from __future__ import annotations

import codecs
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from metier.errors import SourceError
from metier.sources.jsonl_table import parse_object
from metier.sources.opening import reading
from metier.types import Document, Json, Malformed, Update

BLOCK = 1 << 20
MAX_LINE = 200_000_000
"""Bytes; the same room for a text as in other tables, and the bound on memory."""
CONNECT_SECONDS = 10.0
Report = Callable[[Malformed], None]


@dataclass(frozen=True)
class StreamSource:
    """One document for each id in a stream of JSON lines with upserts and deletes.

    A line is an object with the document's columns. ``{"op": "delete", "id": "7"}`` takes the
    document out; every other line puts it in, in place of what had its id. Whose document it is
    stands under ``tenant``: a line changes none of another tenant's.
    """

    path: str | Path
    """A file that is appended to, or ``tcp://host:port``."""
    text: str = "text"
    """The key with the documents' text."""
    id: str = "id"
    """The key with their ids; a stream cannot do without."""
    title: str | None = None
    """A key for their titles."""
    op: str = "op"
    """The key that says ``delete`` or ``upsert``; a line without it is an upsert."""
    tenant: str = ""
    """Whose all of it is, whatever a line says; empty for what each line says."""
    keep: Sequence[str] | None = None
    """Keys for ``Document.metadata``; None takes all that have no other use."""

    def documents(self, on_malformed: Report) -> Iterator[Document]:
        """Yield the documents that stand at the end: of the file as it is, or of the connection.

        In the order of their last lines. A line that cannot be used goes to ``on_malformed``;
        ``SourceError`` when nothing stands. Memory: about 100 bytes an id; what a socket sends
        is kept in a temporary file meanwhile.
        """
        with tempfile.TemporaryFile() as spool, closing(self._feed(0)) as feed:
            stream = feed.stream or _spooled(feed, spool)
            last: dict[tuple[str, str], int] = {}
            for update in self._all(stream, on_malformed):
                last[update.tenant, update.id] = update.position
            count = 0
            for update in self._all(stream, lambda _: None):
                if (
                    update.document is not None
                    and last[update.tenant, update.id] == update.position
                ):
                    count += 1
                    yield update.document
        if not count:
            raise SourceError(f"{self.path}: no document stands at the end of it; check its lines")

    def updates(
        self,
        on_malformed: Report,
        *,
        after: int = 0,
        stop: Callable[[], bool] = lambda: False,
        poll_seconds: float = 0.05,
        batch: int = 32,
    ) -> Iterator[list[Update]]:
        """Follow the stream until ``stop``: what has come, in lists of at most ``batch``.

        ``after`` is the ``position`` of the last update that was taken in. A file that was cut or
        replaced is read from its start: all updates can be repeated without harm. A socket's
        server is sent ``{"after": N}`` and a line feed, N being the count of lines to leave out;
        when it closes, the iterator ends. A line without its line feed is waited for.
        """
        with closing(self._feed(after)) as feed:
            lines = feed.lines
            while not stop():
                data = feed.read(poll_seconds)
                if data is None:
                    return
                if feed.restarted:
                    lines = _Lines()
                found = [
                    update
                    for line, raw, end in lines.take(data)
                    if (update := self._update(raw, line, end, on_malformed)) is not None
                ]
                for first in range(0, len(found), batch):
                    yield found[first : first + batch]

    def _feed(self, after: int) -> _Feed:
        address = str(self.path)
        if address.startswith("tcp://"):
            return _Socket(address, after)
        return _Tail(Path(address).expanduser(), after)

    def _all(self, stream: BinaryIO, report: Report) -> Iterator[Update]:
        stream.seek(0)
        lines = _Lines()
        with reading(str(self.path)):
            while data := stream.read(BLOCK):
                for line, raw, end in lines.take(data):
                    if (update := self._update(raw, line, end, report)) is not None:
                        yield update
        for line, raw, end in lines.take(b"\n"):  # the last line may lack its line feed
            if (update := self._update(raw, line, end, report)) is not None:
                yield update

    def _update(self, raw: bytes, line: int, position: int, report: Report) -> Update | None:
        if not raw.strip():
            return None
        row = parse_object(raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw)
        update = row if isinstance(row, str) else self._read(row, position)
        if isinstance(update, str):
            report(Malformed(str(self.path), line, update))
            return None
        return update

    def _read(self, row: dict[str, Json], position: int) -> Update | str:
        """The update that a line asks for, or why it cannot be used."""
        tenant = self.tenant or str(row.get("tenant") or "")
        kept = None if self.keep is None else {name: row.get(name) for name in self.keep}
        op, given, text = row.pop(self.op, None), row.pop(self.id, None), row.pop(self.text, None)
        title = row.pop(self.title, None) if self.title is not None else None
        identifier = "" if given is None else str(given)
        if not identifier.strip():
            return f"nothing under the id's key {self.id!r}"
        if op not in (None, "upsert", "delete"):
            return f"{self.op} is {op!r}; it can be upsert or delete"
        if op == "delete":
            return Update("delete", identifier, position, tenant=tenant)
        if not isinstance(text, str) or not text.strip():
            return f"no text under the key {self.text!r}"
        metadata = (row if kept is None else kept) | ({"tenant": tenant} if tenant else {})
        document = Document(identifier, text, str(title or ""), str(self.path), metadata)
        return Update("upsert", identifier, position, document, tenant)


class _Feed(Protocol):
    """Bytes as they come."""

    lines: _Lines
    """Cuts what comes first."""
    restarted: bool
    """Whether the last read began from the start again."""

    @property
    def stream(self) -> BinaryIO | None:
        """The whole of it, where one can go back."""
        ...

    def read(self, wait_seconds: float) -> bytes | None:
        """What has come, b"" when nothing has in that time, None when nothing will."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class _Tail:
    """A file that others append to."""

    def __init__(self, path: Path, after: int) -> None:
        self._path = path
        self.restarted = False
        with reading(str(path)):
            self._file: BinaryIO = path.open("rb")
            before = _lines_before(self._file, after)
            self._file.seek(after if before is not None else 0)
        self._fresh = before is None
        self.lines = _Lines(after, before or 0)

    @property
    def stream(self) -> BinaryIO | None:
        return self._file

    def read(self, wait_seconds: float) -> bytes | None:
        self.restarted, self._fresh = self._fresh, False
        with reading(str(self._path)):
            data = self._file.read(BLOCK)
            if data:
                return data
            if self._is_another():
                self._file.close()
                self._file = self._path.open("rb")
                self._fresh = True
                return self.read(wait_seconds)
        time.sleep(wait_seconds)
        return b""

    def close(self) -> None:
        self._file.close()

    def _is_another(self) -> bool:
        """Whether the file was cut short, or another stands in its place."""
        mine = os.fstat(self._file.fileno())
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return False  # between the old and the new one; wait
        return (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino) or (
            now.st_size < self._file.tell()
        )


class _Socket:
    """The lines that a server sends."""

    restarted = False
    stream: BinaryIO | None = None

    def __init__(self, address: str, after: int) -> None:
        self._address = address
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise SourceError(f"{address}: {error}; write it as tcp://host:port") from error
        if host is None or port is None:
            raise SourceError(f"{address}: has no host or no port; write it as tcp://host:port")
        try:
            self._socket = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
            self._socket.sendall(b'{"after": %d}\n' % after)
            self.lines = _Lines(after, after, by_lines=True)
        except OSError as error:
            raise SourceError(
                f"{address}: no connection ({error}); start what sends there, or mend the address"
            ) from error

    def read(self, wait_seconds: float) -> bytes | None:
        self._socket.settimeout(wait_seconds)
        try:
            return self._socket.recv(BLOCK) or None
        except TimeoutError:
            return b""
        except OSError as error:
            raise SourceError(
                f"{self._address}: the connection broke ({error}); go on from the last position"
            ) from error

    def close(self) -> None:
        self._socket.close()


class _Lines:
    """Cuts bytes into numbered lines; what has no line feed yet is held back."""

    def __init__(self, position: int = 0, count: int = 0, *, by_lines: bool = False) -> None:
        """``position`` and ``count`` of lines before the first byte; what a position counts."""
        self._rest: list[bytes] = []
        self._end = position
        self._count = count
        self._by_lines = by_lines

    def take(self, data: bytes) -> Iterator[tuple[int, bytes, int]]:
        """Each whole line: its number, itself, and the position after it."""
        self._rest.append(data)
        if b"\n" not in data:
            if sum(map(len, self._rest)) > MAX_LINE:
                raise SourceError(f"a line has more than {MAX_LINE:,} bytes: this is no JSON Lines")
            return
        *whole, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        for raw in whole:
            self._count += 1
            self._end += 1 if self._by_lines else len(raw) + 1
            yield self._count, raw, self._end


def _lines_before(file: BinaryIO, position: int) -> int | None:
    """How many lines end before that byte; None when no line ends there: it is another file."""
    count, left, last = 0, position, b"\n"
    while left and (data := file.read(min(left, BLOCK))):
        count, left, last = count + data.count(b"\n"), left - len(data), data[-1:]
    return count if not left and last == b"\n" else None


def _spooled(feed: _Feed, spool: BinaryIO) -> BinaryIO:
    while (data := feed.read(CONNECT_SECONDS)) is not None:
        spool.write(data)
    return spool
