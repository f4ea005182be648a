"""What is deleted or replaced leaves the disk, once nobody reads it any more."""

from datetime import timedelta

import lance
import pytest

from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.index import TABLE, Index
from tests.retrieval.stores import found, passage, store

SECRET = "xylographer"
AT_ONCE = timedelta(0)


def files(path):
    return [file for file in path.rglob("*") if file.is_file()]


def holding(path, word=SECRET):
    return [file for file in files(path) if word.encode() in file.read_bytes().lower()]


@pytest.fixture
def index(tmp_path):
    kept = [passage(f"d{number}", f"text {number} on whales") for number in range(50)]
    return store(tmp_path / "index", *kept, passage("secret", f"The {SECRET} lives here."))


def test_settling_takes_deleted_text_off_the_disk(index):
    index.delete(["secret"])
    assert holding(index.path)
    index.settle(grace=AT_ONCE)
    assert not holding(index.path)
    assert len(index) == 50
    assert found(index, "whales 7", 1) == ["d7"]


def test_settling_takes_replaced_text_off_the_disk(index):
    index.upsert([passage("secret", "Nobody lives here.")])
    index.settle(grace=AT_ONCE)
    assert not holding(index.path)
    assert found(index, "nobody lives", 1) == ["secret"]


def test_many_changes_leave_few_files(index):
    live = Index(index.path, FakeEmbedder(), index.settings, grace=AT_ONCE)
    for number in range(200):
        live.upsert([passage("live", f"live text {number}, {SECRET[:5]} of many")])
    assert len(files(index.path)) < 300
    assert len(holding(index.path, "live text 3,")) == 0
    assert found(index, "live text 199", 1) == ["live"]


def test_who_reads_a_version_goes_on_while_the_store_changes(index):
    reader = lance.dataset(str(index.path / TABLE))
    index.delete(["secret"])
    index.settle()
    texts = reader.to_table(columns=["text"])["text"].to_pylist()
    assert len([text for text in texts if SECRET in text]) == 1


def test_a_store_that_was_open_finds_the_newest_after_its_own_version_is_gone(index):
    other = Index.open(index.path, FakeEmbedder())
    assert found(other, SECRET, 1) == ["secret"]
    index.delete(["secret"])
    index.settle(grace=AT_ONCE)
    assert "secret" not in found(other, SECRET, 60)
    other.upsert([passage("late", "yaks on the hill")])
    assert found(index, "yaks hill", 1) == ["late"]
