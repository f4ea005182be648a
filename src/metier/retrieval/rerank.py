"""The best hits of a search put into a better order by a model that reads question and passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metier.protocols import LanguageModel, Reranker, Retriever
from metier.retrieval.store.starts import starts_of
from metier.types import Conversation, Hit, Message, Scope

_READ = 200  # tokens of a passage that a language model is shown


class RerankedRetriever:
    """Asks a store for ``depth`` hits, and gives the ``k`` that the reranker finds most relevant.

    ``Hit.score`` is then the reranker's; ``Hit.ranks`` keeps the store's own place as ``store``.
    A reranker costs one reading of each of the ``depth`` passages, so it is asked about few.
    """

    def __init__(self, store: Retriever, reranker: Reranker, *, depth: int = 20) -> None:
        self._store = store
        self._reranker = reranker
        self._depth = depth

    def starts(self, scope: Scope) -> set[str]:
        """As the store says."""
        return starts_of(self._store, scope)

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each question, the most relevant first."""
        found = self._store.search(questions, max(k, self._depth), scope=scope)
        pairs = [
            (question, read_as(hit))
            for question, hits in zip(questions, found, strict=True)
            for hit in hits
        ]
        relevance = iter(self._reranker.relevance(pairs) if pairs else ())
        return [
            sorted(
                (
                    replace(hit, score=next(relevance), ranks={**hit.ranks, "store": place})
                    for place, hit in enumerate(hits, 1)
                ),
                key=lambda hit: -hit.score,  # stable: equals keep the store's order
            )[:k]
            for hits in found
        ]


class YesOrNo:
    """A language model as a reranker: how much likelier it finds "Yes" than "No".

    Reading a passage costs as much as answering from it; worth it for a large model behind an
    endpoint, and for a small one on a CPU only where an answer may take seconds.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """The model's own."""
        return f"yes or no by {self._model.name}"

    def relevance(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """Log odds of "Yes" against "No"."""
        prompts = [self._prompt(question, passage) for question, passage in batch]
        scored = self._model.score_labels(prompts, ("Yes", "No"))
        return [yes - no for yes, no in (one.log_likelihoods for one in scored)]

    def _prompt(self, question: str, passage: str) -> Conversation:
        text = self._model.truncate(passage, _READ)
        asked = f"{text}\n\nQuestion: {question}\nDoes the text above answer the question?"
        return (Message("system", "Answer Yes or No."), Message("user", asked))


def read_as(hit: Hit) -> str:
    """What a reranker reads of a hit: its title and section, then its text."""
    head = " · ".join(part for part in (hit.chunk.title, hit.section) if part)
    return f"{head}\n{hit.chunk.text}" if head else hit.chunk.text
