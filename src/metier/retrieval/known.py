"""Retrievers that know what to give: the evidence of each question, or all there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from metier.protocols import Corpus
from metier.retrieval.store.rows import lets_through
from metier.types import Chunk, Example, Hit, Passage, Scope, Span


class Oracle:
    """Gives each known question the passages that hold its evidence, and nothing to others.

    With it in the place of a store, what a reader still gets wrong is not the retriever's fault.
    It stands outside the candidate, which never sees a test item.
    """

    def __init__(self, examples: Iterable[Example], corpus: Corpus) -> None:
        chunks: dict[str, list[Chunk]] = {}
        for chunk in corpus.chunks():
            chunks.setdefault(chunk.source.document, []).append(chunk)
        self._evidence = {
            example.input: [
                chunk
                for span in example.evidence
                for chunk in chunks.get(span.document, ())
                if _overlap(chunk.source, span)
            ]
            for example in examples
        }

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """The evidence's passages in the order of the document, each once."""
        return [
            [Hit(chunk, 1.0) for chunk in dict.fromkeys(self._evidence.get(question, ()))][:k]
            for question in questions
        ]


class Everything:
    """Gives every question all passages of its scope, whatever ``k`` is."""

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        today: Callable[[], str] = lambda: date.today().isoformat(),
    ) -> None:
        """``today`` says which date "valid now" means."""
        self._passages = passages
        self._today = today

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """All of them in the order given, so that all questions share one beginning."""
        given, today = scope or Scope(), self._today()
        seen = [_hit(one) for one in self._passages if lets_through(given, one, today)]
        return [list(seen) for _ in questions]


def _hit(passage: Passage) -> Hit:
    return Hit(
        passage.chunk,
        1.0,
        uri=passage.uri,
        tier=passage.tier,
        valid_from=passage.valid_from,
        valid_to=passage.valid_to,
        metadata=passage.metadata,
        section=passage.section,
        tenant=passage.tenant,
    )


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
