"""A few documents of a corpus, drawn by seed."""

from __future__ import annotations

from metier.corpus.without import CorpusWithout
from metier.protocols import Corpus
from metier.types import content_hash


def drawn(corpus: Corpus, count: int | None, *, seed: int) -> Corpus:
    """``count`` of the documents, or all where there are no more or ``count`` is None.

    By the rank of a hash of seed and id: a document that comes or goes changes one of the drawn
    at most, so what was made from the others stands.
    """
    if count is None or len(corpus) <= count:
        return corpus
    ids = (document.id for document in corpus.documents())
    return CorpusWithout(corpus, sorted(ids, key=lambda id: content_hash([seed, id]))[count:])
