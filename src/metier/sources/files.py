"""Documents from whole files: text, Markdown, HTML, PDF and Word."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from metier.errors import SourceError
from metier.sources.docx import UnreadableDocxError, read_docx
from metier.sources.opening import COMPRESSIONS, Found, find, open_bytes, reading
from metier.sources.pdf import UnreadablePdfError, read_pdf, unread_pages
from metier.sources.plain_text import NotTextError, decode_text
from metier.sources.text_feed import MAX_CHARACTERS
from metier.types import Document, Malformed, Region

HTML_SUFFIXES = (".html", ".htm")
SUFFIXES = (".txt", ".md", *HTML_SUFFIXES, ".pdf", ".docx")
MAX_BYTES = 500_000_000
"""No file is read beyond this; PDFs are often far larger than their text."""
HTML_TITLE = re.compile(r"<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", re.I | re.S)
TAG = re.compile(r"<[^>]+>")
MARKDOWN_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$", re.M)


@dataclass(frozen=True)
class FileSource:
    """One document a file, from files, folders with their subfolders, globs or URLs.

    HTML stays as it was written: to take out its boilerplate is a cleaning step.
    """

    paths: str | Path | Sequence[str | Path]
    """Files, folders, globs or URLs, one or several."""
    suffixes: Sequence[str] | None = None
    """Of .txt, .md, .html, .htm, .pdf and .docx those to read; None means all."""

    def documents(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Document]:
        """Yield the files in the order of ``paths``, below each by name; one met twice once.

        A document's id and uri is its path below the folder that was given; where several were
        given, below the folder that holds them all, so that ids stay when that is moved. A file
        that is broken, locked, without text or in no known encoding goes to ``on_malformed``, as
        do those pages of a PDF that have no text layer; the others are its document.
        """
        count = 0
        last = "there are none"
        seen: set[str] = set()
        files = list(self._files())
        above = _folder_of_all([found.uri.removesuffix(found.relative) for found in files])
        for found in files:
            if found.path in seen:
                continue
            seen.add(found.path)
            try:
                document, lost = _read(found, found.uri[len(above) :])
            except (NotTextError, UnreadablePdfError, UnreadableDocxError) as error:
                last = f"the last: {found.uri}: {error}"
                on_malformed(Malformed(found.uri, None, str(error)))
                continue
            if lost:
                on_malformed(Malformed(found.uri, None, lost))
            count += 1
            yield document
        if not count:
            raise SourceError(f"{self.paths}: no file can be used; {last}")

    def _files(self) -> Iterator[Found]:
        suffixes = SUFFIXES if self.suffixes is None else [_dotted(item) for item in self.suffixes]
        unknown = sorted(set(suffixes) - set(SUFFIXES))
        if unknown:
            raise SourceError(f"cannot read {', '.join(unknown)}; known are {', '.join(SUFFIXES)}")
        paths = [self.paths] if isinstance(self.paths, str | Path) else self.paths
        for path in paths:
            yield from find(path, suffixes)


def _folder_of_all(folders: Sequence[str]) -> str:
    """The folder that holds all of these, up to its slash; empty where none does."""
    distinct = sorted(set(folders))
    if len(distinct) == 1:
        return distinct[0]
    parts = [folder.split("/")[:-1] for folder in distinct]
    shared = takewhile(lambda level: len(set(level)) == 1, zip(*parts, strict=False))
    return "".join(f"{level[0]}/" for level in shared)


def _dotted(suffix: str) -> str:
    return "." + suffix.lower().lstrip(".")


def _read(found: Found, uri: str) -> tuple[Document, str]:
    """The document, and what of the file is not in it."""
    with reading(found.uri), open_bytes(found) as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise NotTextError(f"larger than {MAX_BYTES:,} bytes")
    regions: tuple[Region, ...] = ()
    lost = ""
    if found.suffix == ".pdf":
        pdf = read_pdf(data)
        text, title, regions = pdf.text, pdf.title, pdf.regions
        lost = unread_pages(pdf.unread) if pdf.unread else ""
    elif found.suffix == ".docx":
        word = read_docx(data)
        text, title = word.text, word.title
    else:
        text = decode_text(data, html=found.suffix in HTML_SUFFIXES)
        title = _title(text, found.suffix)
    if not text or text.isspace():
        raise NotTextError("the file holds no text")
    if len(text) > MAX_CHARACTERS:
        raise NotTextError(
            f"has {len(text):,} characters; more than {MAX_CHARACTERS:,} are not read"
        )
    return Document(uri, text, title or _stem(found.name), uri, regions=regions), lost


def _stem(name: str) -> str:
    path = Path(name)
    return path.with_suffix("").stem if path.suffix.lower() in COMPRESSIONS else path.stem


def _title(text: str, suffix: str) -> str:
    if suffix in HTML_SUFFIXES:
        match = HTML_TITLE.search(text)
        title = TAG.sub("", match[1] or match[2] or "") if match else ""
        return " ".join(html.unescape(title).split())
    match = MARKDOWN_HEADING.search(text)
    return match[1].strip() if match else ""
