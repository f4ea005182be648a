"""What is deleted or replaced leaves the disk, once nobody reads it any more."""

import time
from datetime import timedelta
from threading import Thread

import lance
import pytest

from metier.corpus.passages_of import passages_of
from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.index import TABLE, Index
from metier.retrieval.store.live import CaughtUp, follow, sweeping
from metier.retrieval.store.table import has_deletions, keep_indexed, rewrite
from metier.sources import StreamSource
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


def test_a_followed_deletion_leaves_the_disk(index, tmp_path):
    live = Index(index.path, FakeEmbedder(), index.settings, grace=AT_ONCE)
    stream = tmp_path / "stream.jsonl"
    stream.write_text('{"op": "delete", "id": "secret"}\n{"id": "d7", "text": "on yaks now"}\n')
    end = CaughtUp()
    batches = end.watching(StreamSource(stream).updates(lambda bad: None, stop=end))
    follow(live, batches, passages=passages_of(), position=tmp_path / "position")
    assert not holding(index.path)
    assert not holding(index.path, "text 7 on")
    assert found(live, "yaks now", 1) == ["d7"]


def test_what_a_killed_process_took_out_leaves_the_disk_with_the_next(index, tmp_path):
    live = Index(index.path, FakeEmbedder(), index.settings, grace=AT_ONCE)
    live.delete(["secret"])
    with sweeping(live, every=0.05):
        deadline = time.monotonic() + 60
        while holding(index.path) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not holding(index.path)


def test_writers_go_on_while_the_store_is_swept(index):
    for number in range(8):
        index.delete([f"d{number}"])
        sweeper = Thread(target=index.sweep)
        sweeper.start()
        index.upsert([passage(f"new{number}", f"yak {number} on the hill")])
        index.delete([f"d{number + 20}"])
        sweeper.join()
        assert found(index, f"yak {number}", 1) == [f"new{number}"]
    assert len(index) == 51 - 16 + 8
    index.sweep()
    assert not has_deletions(index._writable())


def test_an_index_that_a_rewrite_preempts_is_made_later(index):
    index.delete(["secret"])
    index.upsert([passage("late", "yaks")])
    seen = index._writable()
    rewrite(index._writable())
    keep_indexed(seen, all_rows=True)
    assert found(index, "yaks", 1) == ["late"]
    keep_indexed(index._writable(), all_rows=True)
    covered = index._writable().describe_indices()
    assert [one.num_rows_indexed for one in covered] == [len(index)] * len(covered)


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
