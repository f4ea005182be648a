"""Rerankers: their order counts, the store's is kept beside it."""

import pytest

from metier.models.engines.fake import FakeModel
from metier.retrieval.rerank import RerankedRetriever, YesOrNo
from tests.retrieval.stores import passage, store

TEXTS = {"a": "red apple", "b": "red apple pie", "c": "green pear", "d": "red car"}


class Shortest:
    """Finds short passages relevant."""

    name = "shortest"

    def __init__(self):
        self.asked = []

    def relevance(self, batch):
        self.asked += batch
        return [-len(text) for _, text in batch]


@pytest.fixture
def index(tmp_path):
    return store(tmp_path / "index", *(passage(id, text) for id, text in TEXTS.items()))


def test_the_rerankers_order_counts_and_the_stores_is_kept(index):
    reranker = Shortest()
    hits = RerankedRetriever(index, reranker, depth=3).search(["red apple", "pear"], 2)
    plain = index.search(["red apple", "pear"], 3)
    for found, before in zip(hits, plain, strict=True):
        assert len(found) == 2
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
        for hit in found:
            place = hit.ranks["store"]
            assert before[place - 1].chunk == hit.chunk
    assert len(reranker.asked) == 6


def test_nothing_found_asks_nothing(tmp_path):
    reranker = Shortest()
    assert RerankedRetriever(store(tmp_path / "none"), reranker).search(["x"]) == [[]]
    assert reranker.asked == []


def test_titles_are_read_too(tmp_path):
    reranker = Shortest()
    titled = store(tmp_path / "titled", passage("a", "its text", title="Its title"))
    RerankedRetriever(titled, reranker).search(["x"])
    assert reranker.asked == [("x", "Its title\nits text")]


def test_a_language_model_says_yes_or_no(index):
    reranker = YesOrNo(FakeModel({}))
    assert len(reranker.relevance([("q", "a"), ("q", "b")])) == 2
    assert reranker.relevance([]) == []
    assert len(RerankedRetriever(index, reranker).search(["red"], 2)[0]) == 2


@pytest.mark.models
def test_the_embedded_model_can_be_asked_yes_or_no():
    from metier.models.registry import LocalModels
    from metier.recipe import EMBEDDED_MODEL

    models = LocalModels()
    assert models.cross_encoder(EMBEDDED_MODEL) is None
    reranker = YesOrNo(models.language_model(EMBEDDED_MODEL))
    question = "What is the capital of France?"
    pairs = [(question, "Paris is the capital of France."), (question, "Bees make honey in hives.")]
    together = reranker.relevance(pairs)
    apart = [reranker.relevance([pair])[0] for pair in reversed(pairs)][::-1]
    assert together == pytest.approx(apart, abs=1e-3)
    assert together[0] != pytest.approx(together[1], abs=1e-3)
