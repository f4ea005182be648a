"""Documents that are at hand already, as a corpus that is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from metier.corpus.chunk import Chunking, chunk
from metier.corpus.clean import clean
from metier.corpus.edits import Step
from metier.errors import DataError
from metier.types import Chunk, CleanDocument, Document, content_hash


class MemoryCorpus:
    """The contract of ``Corpus`` over a list of documents."""

    def __init__(
        self,
        documents: Iterable[Document],
        *,
        steps: Sequence[Step] = (),
        chunking: Chunking | None = None,
    ) -> None:
        self._documents = [clean(document, steps) for document in documents]
        self._chunking = chunking or Chunking()
        ids = [document.id for document in self._documents]
        if len(set(ids)) < len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise DataError(f'two documents have the id "{twice}"; give each one of its own')

    @property
    def version(self) -> str:
        """Hash of the documents and of how they are cut."""
        said = [[d.id, d.title, d.source_text, d.text] for d in self._documents]
        return content_hash([said, self._chunking.size, self._chunking.overlap])

    def __len__(self) -> int:
        return len(self._documents)

    def documents(self) -> Iterator[CleanDocument]:
        """Every document, in the order given."""
        return iter(self._documents)

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk, document by document."""
        for document in self._documents:
            yield from chunk(document, size=self._chunking.size, overlap=self._chunking.overlap)
