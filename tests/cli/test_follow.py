"""``metier follow`` on the store of a released specialist, with fakes for models."""

import json

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.build import build_index
from metier.retrieval.store.index import Index
from metier.types import Document
from tests.cli.console import call, refused


@pytest.fixture
def index(folder, fakes):
    """The store of the project's specialist."""
    corpus = MemoryCorpus([Document("old", "A text about rivers.")])
    return build_index(folder / ".metier/specialist/index", corpus, FakeEmbedder())


def write(folder, *lines):
    with (folder / "news.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


def test_follow_takes_in_what_has_come_and_goes_on_where_it_was(folder, index):
    write(folder, {"id": "new", "text": "A text about mountains."}, {"id": "no text"})
    done = call("follow", ".", "news.jsonl", "--once")
    assert (done.code, done.out) == (0, "1 updates taken in\n")
    assert "news.jsonl:2: no text under the key 'text'; left out" in done.err
    assert index.documents() == {"old", "new"}  # seen by a store that was open already
    write(folder, {"op": "delete", "id": "old"})
    assert call("follow", ".", "news.jsonl", "--once").out == "1 updates taken in\n"
    assert index.documents() == {"new"}


def test_a_new_version_ends_the_one_before(folder, index):
    def version(id, start):
        return {"id": id, "text": "A name of T1.", "entity": "T1", "valid_from": start}

    write(folder, version("v1", "2020-01-01"), version("v2", "2024-01-01"))
    assert call("follow", ".", "news.jsonl", "--once", "--succeed").code == 0
    hits = Index.open(index.path, FakeEmbedder()).search(["name of T1"])[0]
    assert {hit.chunk.source.document for hit in hits} == {"v2", "old"}


def test_without_a_store_it_says_what_to_do(folder, fakes):
    write(folder, {"id": "new", "text": "A text."})
    assert "`metier run` a recipe with a `retrieve` rung" in refused("follow", ".", "news.jsonl")


def test_a_tenants_stream_changes_nothing_of_others(folder, index):
    write(folder, {"id": "old", "text": "A plan.", "tenant": "b"}, {"id": "new", "text": "Mine."})
    assert call("follow", ".", "news.jsonl", "--once", "--tenant", "a").code == 0
    hits = Index.open(index.path, FakeEmbedder()).search(["plan mine rivers"])[0]
    assert [hit.chunk.text for hit in hits] == ["A text about rivers."]
    write(folder, {"op": "delete", "id": "old"})
    assert call("follow", ".", "news.jsonl", "--once", "--tenant", "a").code == 0
    assert index.documents() == {"old", "new"}
