"""A corpus as methods may see it: without the documents that they are graded on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from metier.protocols import Corpus
from metier.types import Chunk, CleanDocument, content_hash


class CorpusWithout:
    """Another corpus, without the documents of these ids and without their chunks."""

    def __init__(self, corpus: Corpus, left_out: Collection[str]) -> None:
        self._corpus = corpus
        self._left_out = frozenset(left_out)

    @property
    def version(self) -> str:
        """Hash of the whole corpus's version and of what is left out."""
        return content_hash([self._corpus.version, sorted(self._left_out)])

    def __len__(self) -> int:
        return sum(1 for _ in self.documents())

    def documents(self) -> Iterator[CleanDocument]:
        """Every document that may be learnt from, in the source's order."""
        return (one for one in self._corpus.documents() if one.id not in self._left_out)

    def chunks(self) -> Iterator[Chunk]:
        """Their chunks, document by document."""
        return (one for one in self._corpus.chunks() if one.source.document not in self._left_out)
