"""A model that says what it is told to, one text after the other, and keeps what it was asked."""

from metier.models.engines.fake import FakeEmbedder, FakeModel
from metier.retrieval.store.index import Index
from metier.types import Chunk, Completion, Passage, Span, Usage


class Scripted(FakeModel):
    def __init__(self, *texts):
        super().__init__(name="scripted")
        self.texts = list(texts)
        self.asked = []

    def generate(self, batch, config):
        done = []
        for conversation in batch:
            self.asked.append((conversation, config))
            done.append(Completion(self.texts.pop(0), Usage(10, 5)))
        return done


def store(folder, texts, *, tiers=(), tenants=()):
    """An index of these texts, one document each."""
    index = Index.create(folder, FakeEmbedder())
    index.upsert(
        Passage(
            Chunk(
                f"c{place}", text, 0, len(text), Span(f"d{place}", 0, len(text)), f"Page {place}"
            ),
            uri=f"https://example.org/{place}",
            tier=tiers[place] if tiers else "",
            tenant=tenants[place] if tenants else "",
        )
        for place, text in enumerate(texts)
    )
    return index
