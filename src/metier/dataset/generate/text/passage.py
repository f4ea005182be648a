"""A chunk as the writers and checks see it: its text, what it is called, its way to the source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from string import Template

from metier.dataset.generate.text.sentences import Sentence, one_line, sentences
from metier.errors import DataError
from metier.origin import to_source
from metier.protocols import Corpus
from metier.retrieval.store.words import recognise
from metier.types import Chunk, CleanDocument, Span, content_hash

_NAME = re.compile(r"\b[A-Z][\w’'-]*(?:[ \n](?:of|the|and|v\.|for|[A-Z][\w’'.-]*))*")
_COMMONEST = (
    "the of and to in a is that for it as was with be by on not he his but at are this have from "
    "or had an which were their has will would there been they its more when can may"
)
_ENGLISH = frozenset(_COMMONEST.split())
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Passage:
    """One chunk of a document."""

    chunk: Chunk
    document: CleanDocument
    subject: str
    """How questions call the document; empty when it has no name."""

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The chunk's sentences; offsets count from the chunk's start."""
        return sentences(self.chunk.text)

    @cached_property
    def hash(self) -> str:
        """Changes when the text or its name does, and only then."""
        return content_hash([self.subject, self.chunk.text])

    @cached_property
    def is_english(self) -> bool:
        """Whether a seventh of its words are the commonest English ones; prose has a third."""
        found = [word.casefold() for word in _LETTERS.findall(self.chunk.text)]
        return bool(found) and sum(word in _ENGLISH for word in found) / len(found) > 1 / 7

    @cached_property
    def language(self) -> str:
        """The ISO 639-1 code of its language; empty when it is none that can be told for sure."""
        return recognise([self.chunk.text])

    def span(self, start: int, end: int) -> Span:
        """The source of ``chunk.text[start:end]``."""
        return to_source(self.document, self.chunk.start + start, self.chunk.start + end)


def passages(corpus: Corpus, subject: str) -> Iterator[Passage]:
    """Every chunk of the corpus; ``subject`` is a template over title and metadata."""
    documents = corpus.documents()
    document, name = None, ""
    for chunk in corpus.chunks():
        while document is None or document.id != chunk.source.document:
            document = next(documents)
            name = subject_of(document, subject)
        yield Passage(chunk, document, name)


def subject_of(document: CleanDocument, template: str) -> str:
    """What questions call a document: the template filled, with the file's name for a title."""
    title = document.title or PurePosixPath(document.uri).stem
    entries: Mapping[str, object] = {**document.metadata, "title": title, "id": document.id}
    shown = {key: "" if value is None else value for key, value in entries.items()}
    try:
        return one_line(Template(template).substitute(shown))
    except (KeyError, ValueError) as error:
        raise DataError(
            f"the subject {template!r} does not fit document {document.id!r}: {error}; it may use "
            f"{', '.join('$' + key for key in sorted(shown))}"
        ) from None


def names(text: str) -> list[str]:
    """Runs of capitalised words, the longest first; a sentence's first word may be among them."""
    found = {one_line(match.group()).rstrip(".,;:") for match in _NAME.finditer(text)}
    found = {re.sub(r"(?: (?:of|the|and|for|v\.))+$", "", name) for name in found}
    return sorted(found, key=lambda name: (-len(name), name))
