"""One document as it comes, cleaned and cut like the corpus, for a store that changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metier.corpus.chunk import Chunking, chunk
from metier.corpus.clean import clean
from metier.corpus.edits import Step
from metier.retrieval.store.passages import passage_of
from metier.types import Document, Passage


def passages_of(
    steps: Sequence[Step] = (), chunking: Chunking | None = None
) -> Callable[[Document], list[Passage]]:
    """What ``retrieval.live.follow`` takes documents in with; [] for what cleans to nothing."""
    cut = chunking or Chunking()

    def passages(document: Document) -> list[Passage]:
        cleaned = clean(document, steps)
        found = chunk(cleaned, size=cut.size, overlap=cut.overlap)
        return [passage_of(cleaned, one) for one in found]

    return passages
