"""A rung's store as its settings have it asked: tiers, reranker and days together."""

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.methods.looked_up import open_store
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModels
from metier.types import Document
from tests.methods.test_retrieve import context

QUESTION = "Who is mayor of Arlen?"


class Webbed:
    """A cross-encoder that finds relevant what stands on the web."""

    name = "webbed"

    def relevance(self, batch):
        return [float("web" in text) + len(text) / 1000 for _, text in batch]


class ModelsWithReranker(FakeModels):
    def cross_encoder(self, name):
        return Webbed()


def document(id, text, tier):
    return Document(id, text, metadata={"tier": tier})


CORPUS = MemoryCorpus(
    [
        document("c1", "The mayor of Arlen is Ann Berg.", "curated"),
        document("c2", "A town on a river, with bridges of wood and of iron.", "curated"),
        *(document(f"w{n}", f"The web says: mayor of Arlen, {n}.", "web") for n in range(9)),
    ]
)


def store(workdir, **settings):
    models, made = ModelsWithReranker(), Retrieve()
    settings = {"tiers": ["curated", "web"], **settings}
    candidate = made.fit("rung", context(made, workdir, models, settings=settings, corpus=CORPUS))
    return open_store(candidate, workdir, models)


def ids(hits):
    return [hit.chunk.source.document for hit in hits]


@pytest.mark.parametrize("reranker", ["", "webbed"])
def test_the_curated_word_goes_first_with_a_reranker_and_without(tmp_path, reranker):
    asked = store(tmp_path, reranker=reranker)
    assert ids(asked.search([QUESTION], 1)[0]) == ["c1"]
    hits = asked.search([QUESTION], 4)[0]
    assert hits[0].tier == "curated"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_reranker_orders_the_hits_of_one_tier(tmp_path):
    plain = ids(store(tmp_path / "plain").search([QUESTION], 20)[0])
    ordered = ids(store(tmp_path / "ordered", reranker="webbed").search([QUESTION], 20)[0])
    assert sorted(plain) == sorted(ordered)
    for order in (plain, ordered):
        assert (order[0], order[-1]) == ("c1", "c2")  # c2 does not answer, so it fills up
