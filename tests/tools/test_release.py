"""The search tool over a release: it finds what the released specialist itself is shown."""

import pytest

from metier.corpus.chunk import Chunking
from metier.corpus.in_memory import MemoryCorpus
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModels
from metier.retrieval.store.build import ADAPTER, build_index
from metier.tools.release import search_of
from metier.types import Document, ToolCall
from tests.methods.test_retrieve import TEXTS, Texts, asked, context
from tests.tools.released import write_release


class Longest:
    """A cross-encoder that finds long passages relevant."""

    name = "longest"

    def relevance(self, batch):
        return [float(len(text)) for _, text in batch]


class ModelsWithReranker(FakeModels):
    def cross_encoder(self, name):
        return Longest()


def test_a_release_with_a_tuned_embedder_is_searched_under_it(tmp_path):
    release = write_release(tmp_path)
    tuned = FakeModels().embedder("fake", adapter=tmp_path / ADAPTER)
    build_index(release / "index", Texts(TEXTS), tuned)
    (release / "index" / ADAPTER).mkdir()

    found = search_of(release, FakeModels()).call(ToolCall({"query": "the king of Belmar"}))

    assert found.hits[0].chunk.id == "king#0"


@pytest.mark.parametrize("settings", [{"reranker": "longest"}, {"parent_characters": 1500}])
def test_the_tool_finds_what_the_specialist_is_shown(tmp_path, settings):
    book = "".join(f"Line {n} of the mill's book, on wheat and rye.\n" for n in range(40))
    documents = [Document("book", book), Document("bread", "The mill bakes bread. " * 30)]
    corpus = MemoryCorpus(documents, chunking=Chunking(300, 0))
    models, made = ModelsWithReranker(), Retrieve()
    given = context(made, tmp_path, models, settings={"k": 5, **settings}, corpus=corpus)
    candidate = made.fit("rung", given)
    question = "What is on line 17 of the mill's book?"

    found = search_of(tmp_path, models).call(ToolCall({"query": question}))

    [answer] = made.load(candidate, tmp_path, models).answer(asked(question))
    shown = [chunk.text for chunk in answer.grounding.chunks]
    assert [hit.chunk.text for hit in found.hits] == shown
    assert all(text in found.text for text in shown)
