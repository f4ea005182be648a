"""Documents from the rows of CSV, TSV, JSON Lines and Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from metier.errors import DataError, SourceError
from metier.sources.identity import ContentIds, GivenIds
from metier.sources.open_table import SUFFIXES, check_columns, open_table
from metier.sources.opening import Found, find
from metier.sources.rows import Columns, Report
from metier.sources.text_feed import MAX_CHARACTERS
from metier.types import Document, Json, Malformed


@dataclass(frozen=True)
class TableSource:
    """One document a row, from a file, a folder, a glob or any URL that fsspec knows.

    The suffix says what a file is: .csv, .tsv, .jsonl or .parquet, plain or with .gz or .zst.
    """

    path: str | Path
    """A file, a folder with its subfolders, a glob or a URL."""
    text: str | Sequence[str] = "text"
    """The column with the documents' text, or several, which are put below each other; a list in
    one of several gets a line an entry with its number, counted from 0 as answers count them, and
    an object one with its key."""
    id: str | None = None
    """A column of unique ids; without one, ids are made of the file's name and the text."""
    title: str | None = None
    """A column for the documents' titles."""
    keep: Sequence[str] | None = None
    """Columns for ``Document.metadata``; None takes all that have no other use."""
    encoding: str = "utf-8"
    """Of text files, by Python's name for it; Parquet needs none."""
    delimiter: str | None = None
    """The one character between the columns of .csv and .tsv files; None takes the suffix's, or
    where that gives no two columns a semicolon, tab or bar."""
    quotes: bool | None = None
    """Whether double quotes enclose fields of .csv and .tsv files; false makes them text, as where
    a field begins with a bare one. None is true, but lines of a .tsv that quotes join although each
    is a row by itself are reported."""

    def documents(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Document]:
        """Yield the rows in the order of the files' names and of their lines.

        A row without text, with other columns than the header, or with bytes that are no text
        goes to ``on_malformed``; its line is that of the file, for Parquet the row's number.
        Raises SourceError for a file that cannot be read, and DataError for an id given twice.
        """
        if not self._texts:
            raise SourceError(f"{self.path}: `text` names no column")
        if self.delimiter is not None and len(self.delimiter.encode()) != 1:
            raise SourceError(f"{self.path}: `delimiter` is one character, not {self.delimiter!r}")
        content, given = ContentIds(), GivenIds()
        count = 0
        last: Malformed | None = None

        def report(malformed: Malformed) -> None:
            nonlocal last
            last = malformed
            on_malformed(malformed)

        for found, line, draft in self._drafts(report):
            identifier = draft.id
            if identifier is None:
                identifier = content.name(found.name, draft.text)
            elif not given.is_new(identifier):
                self._refuse_duplicate(identifier, found.uri, line)
            count += 1
            yield Document(identifier, draft.text, draft.title, found.uri, draft.metadata)
        if not count:
            reason = f"the last: line {last.line}: {last.reason}" if last else "there are none"
            raise SourceError(f"{self.path}: no row can be used; {reason}")

    def _drafts(
        self, on_malformed: Callable[[Malformed], None]
    ) -> Iterator[tuple[Found, int, _Draft]]:
        named = (*self._texts, self.id, self.title, *(self.keep or ()))
        wanted = [name for name in named if name is not None]
        for found in find(self.path, SUFFIXES):
            report = _reporter(found.uri, on_malformed)
            with open_table(
                found,
                encoding=self.encoding,
                delimiter=self.delimiter,
                quotes=self.quotes,
                report=report,
                use=Columns(frozenset(wanted), others=self.keep is None),
            ) as table:
                check_columns(table, wanted, found.uri)
                for line, row in table.rows:
                    draft = self._draft(row)
                    if isinstance(draft, str):
                        report(line, draft)
                    else:
                        yield found, line, draft

    def _draft(self, row: dict[str, Json]) -> _Draft | str:
        """The row's parts by their use, or why it cannot be used."""
        kept = None if self.keep is None else {name: row.get(name) for name in self.keep}
        text: Json
        if isinstance(self.text, str):
            text = row.pop(self.text, None)
        else:  # which stay in the metadata: what the rows share may be what they are grouped by
            text = "\n\n".join(filter(str.strip, (_written(row.get(name)) for name in self.text)))
        if not isinstance(text, str) or not text or text.isspace() or len(text) > MAX_CHARACTERS:
            return _why_no_text(text, " and ".join(map(repr, self._texts)))
        identifier = None
        if self.id is not None:
            value = row.pop(self.id, None)
            identifier = "" if value is None else str(value)
            if not identifier.strip():
                return f"nothing in the id column {self.id!r}"
        title = row.pop(self.title, None) if self.title is not None else None
        return _Draft(text, identifier, str(title or ""), row if kept is None else kept)

    @property
    def _texts(self) -> Sequence[str]:
        return [self.text] if isinstance(self.text, str) else self.text

    def _refuse_duplicate(self, identifier: str, uri: str, line: int) -> NoReturn:
        # Only hashes were kept of the ids before, so the first place is looked up again.
        first, first_line = next(
            (found.uri, other)
            for found, other, draft in self._drafts(lambda _: None)
            if draft.id == identifier
        )
        raise DataError(
            f"the id {identifier!r} is given twice: {first}:{first_line} and {uri}:{line}; "
            f"make the column {self.id!r} unique, or leave the id out to have ids made"
        )


class _Draft(NamedTuple):
    """A row's parts by their use."""

    text: str
    id: str | None
    title: str
    metadata: dict[str, Json]


def _written(value: Json) -> str:
    """A column's value among others in a text."""
    if isinstance(value, list | dict):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        return "\n".join(f"{key}. {_written(one)}" for key, one in entries)
    return "" if value is None else str(value)


def _why_no_text(text: Json, column: str) -> str:
    if isinstance(text, str) and len(text) > MAX_CHARACTERS:
        return f"the text has {len(text):,} characters; more than {MAX_CHARACTERS:,} are not read"
    if text is None or isinstance(text, str):
        return f"no text in the column {column}"
    return f"the column {column} holds {type(text).__name__}, not text"


def _reporter(uri: str, on_malformed: Callable[[Malformed], None]) -> Report:
    return lambda line, reason: on_malformed(Malformed(uri, line, reason))
