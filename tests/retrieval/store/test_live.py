"""A stream taken into a store: what comes is found, what goes is not, a kill costs nothing."""

import json

import pytest

from metier.corpus.passages_of import passages_of
from metier.errors import StorageError
from metier.retrieval.store.live import apply, follow, resume
from metier.sources import StreamSource
from metier.types import Document, Scope, Update
from tests.retrieval.stores import found, passage, store

PASSAGES = passages_of()


@pytest.fixture
def index(tmp_path):
    return store(tmp_path / "index", passage("old", "An old text about rivers."))


def lines(path, *rows):
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def taken(index, path, position):
    """Take in what is in the file now."""
    source = StreamSource(path)
    at = resume(position)
    size = path.stat().st_size
    batches = source.updates(lambda bad: None, after=at, stop=lambda: resume(position) >= size)
    return follow(index, batches, passages=PASSAGES, position=position)


def test_a_new_document_is_found_and_a_deleted_one_never_again(index, tmp_path):
    path, position = tmp_path / "s.jsonl", tmp_path / "position"
    lines(path, {"id": "new", "text": "A new text about mountains."})
    assert taken(index, path, position) == 1
    assert "new" in found(index, "mountains")
    lines(path, {"op": "delete", "id": "new"}, {"id": "old", "text": "It is about lakes now."})
    assert taken(index, path, position) == 2
    assert found(index, "mountains rivers lakes") == ["old"]
    assert "rivers" not in index.search(["rivers"])[0][0].chunk.text


def test_of_several_updates_in_a_batch_the_last_counts(index):
    def upsert(id, text, place):
        return Update("upsert", id, place, Document(id, text))

    batch = [
        upsert("a", "first", 1), Update("delete", "a", 2), upsert("a", "second", 3),
        upsert("b", "comes", 4), Update("delete", "b", 5), Update("delete", "unknown", 6),
    ]  # fmt: skip
    for _ in range(2):  # what is taken in again after a kill changes nothing
        apply(index, batch, PASSAGES)
        assert index.documents() == {"old", "a"}
        assert [hit.chunk.text for hit in index.search(["second"], 1)[0]] == ["second"]


def test_a_document_of_which_nothing_is_left_is_taken_out(index):
    apply(index, [Update("upsert", "old", 1, Document("old", "..."))], lambda document: [])
    assert index.documents() == set()


def test_a_damaged_position_is_named(tmp_path):
    (tmp_path / "position").write_text("x")
    with pytest.raises(StorageError, match="no position can be read"):
        resume(tmp_path / "position")


@pytest.mark.models
def test_with_the_embedder_a_document_is_found_by_what_it_means(tmp_path):
    from metier.models.registry import LocalModels
    from metier.recipe.tables import EMBEDDED_EMBEDDER
    from metier.retrieval.store.index import Index

    index = Index.create(tmp_path / "index", LocalModels().embedder(EMBEDDED_EMBEDDER))
    path, position = tmp_path / "s.jsonl", tmp_path / "position"
    lines(path, *({"id": f"d{n}", "text": f"Report {n} on rivers and lakes."} for n in range(20)))
    taken(index, path, position)
    lines(path, {"id": "new", "text": "Volcanoes erupt."}, {"op": "delete", "id": "d3"})
    taken(index, path, position)
    assert found(index, "Which mountains spit fire?", 1) == ["new"]
    assert "d3" not in index.documents()


def test_a_stream_puts_in_and_takes_out_for_one_tenant_alone(index, tmp_path):
    path, position = tmp_path / "s.jsonl", tmp_path / "position"
    both = [{"id": "same", "text": f"The plan of {one}.", "tenant": one} for one in ("a", "b")]
    lines(path, *both)
    assert taken(index, path, position) == 2
    assert [found(index, "plan", scope=Scope(tenant=one))[0] for one in "ab"] == ["same"] * 2
    lines(path, {"op": "delete", "id": "same", "tenant": "b"}, {"op": "delete", "id": "same"})
    assert taken(index, path, position) == 2
    assert "same" in found(index, "plan", scope=Scope(tenant="a"))
    assert "same" not in found(index, "plan", scope=Scope(tenant="b"))
