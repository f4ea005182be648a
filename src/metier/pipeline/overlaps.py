"""Which test items a rung may have seen: in training rows, in examples it shows, in its index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metier.dataset.decontaminate import overlap, overlap_with_index
from metier.protocols import Corpus, Embedder, Retriever
from metier.types import Example, Overlap


@dataclass(frozen=True, slots=True)
class Overlaps:
    """What repeats these test items, word for word or in other words."""

    test: Sequence[Example]
    embedder: Embedder
    threshold: float
    """Cosine from which on two texts say the same."""

    def with_rows(self, learnt: Sequence[Example], *, against: str) -> list[Overlap]:
        """Test items that these rows repeat; ``against`` says whose rows they are."""
        return overlap(
            self.test,
            [(row.id, row.input) for row in learnt],
            against=against,
            embedder=self.embedder,
            threshold=self.threshold,
        )

    def with_index(self, corpus: Corpus, index: Retriever) -> list[Overlap]:
        """Test items that stand in what can be looked up.

        A question that is its own passage would be found by its wording, not by its meaning.
        """
        passages = [(chunk.id, chunk.text) for chunk in corpus.chunks()]
        word_for_word = overlap(self.test, passages, against="index")
        in_other_words = overlap_with_index(
            self.test, index, embedder=self.embedder, threshold=self.threshold
        )
        return [*word_for_word, in_other_words]
