"""An ingest makes one new version or none, counts what it dropped, and repeats no work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.clean import make_step
from metier.corpus.deduplicate import Deduplication, NearDuplicates
from metier.corpus.ingest import _Intake, ingest
from metier.corpus.leak_probe import probe
from metier.corpus.table import LanceCorpus
from metier.errors import DataError, EmptyStageError, StorageError
from metier.protocols import Corpus, Source, silent
from metier.types import Document, Malformed, Region


class Listed:
    """A source of given documents."""

    def __init__(self, documents, malformed=()):
        self.listed = documents
        self.malformed = malformed

    def documents(self, on_malformed):
        for bad in self.malformed:
            on_malformed(bad)
        yield from self.listed


def numbered(count: int) -> list[Document]:
    return [
        Document(f"d{n}", f"Text  number {n}. " * 5, f"T{n}", f"u:{n}", {"label": str(n % 2)})
        for n in range(count)
    ]


def test_a_corpus_gives_back_what_went_in(tmp_path):
    regions = (Region(0, 4, 1, (0.5, 1, 2, 3)), Region(4, 9, 2, (0, 1, 2, 3)))
    documents = [*numbered(3), Document("p", "Café \ud800x\x00", regions=regions)]
    documents[-1] = Document("p", "Café  x\x00", regions=regions, metadata={"n": [1, None]})
    source = Listed(documents, [Malformed("f.csv", 7, "too short")])
    assert isinstance(source, Source)
    report = ingest(source, tmp_path / "c", steps=[make_step("whitespace")])
    corpus = LanceCorpus.open(tmp_path / "c")
    assert isinstance(corpus, Corpus)
    found = list(corpus.documents())
    assert [d.id for d in found] == ["d0", "d1", "d2", "p"]
    assert (found[-1].text, found[-1].source_text) == ("Café x\x00", "Café  x\x00")
    assert (found[-1].regions, found[-1].metadata) == (regions, {"n": [1, None]})
    assert (report.documents_in, report.documents, report.malformed_count) == (4, 4, 1)
    assert report.steps[0].documents == 4
    assert len(corpus) == 4
    assert corpus.report == report
    chunks = list(corpus.chunks())
    assert len(chunks) == report.chunks == 4
    assert chunks[-1].source.page == 1


def test_the_same_content_is_the_same_version(tmp_path):
    first = ingest(Listed(numbered(5)), tmp_path / "c")
    again = ingest(Listed(numbered(5)), tmp_path / "c")
    assert first.version == again.version
    assert LanceCorpus.open(tmp_path / "c").number == 1
    other = ingest(Listed(numbered(6)), tmp_path / "c")
    assert other.version != first.version
    assert len(LanceCorpus.open(tmp_path / "c")) == 6
    assert len(LanceCorpus.open(tmp_path / "c", first.version)) == 5
    with pytest.raises(StorageError, match="has no version x"):
        LanceCorpus.open(tmp_path / "c", "x")


def test_duplicates_and_empty_documents_are_counted(tmp_path):
    words = " ".join(f"w{n}" for n in range(100))
    documents = [Document("a", words), Document("b", words.upper()), Document("c", words + " end")]
    documents += [Document("e", " \n"), Document("f", "other")]
    report = ingest(Listed(documents), tmp_path / "c", deduplication=Deduplication(near=True))
    assert report.dropped == {"exact duplicate": 1, "near duplicate": 1, "empty after cleaning": 1}
    assert [d.id for d in LanceCorpus.open(tmp_path / "c").documents()] == ["a", "f"]


def of(tenant: str, name: str, text: str) -> Document:
    return Document(name, text, metadata={"tenant": tenant} if tenant else {})


@given(st.lists(st.tuples(st.sampled_from(["", "acme", "globex"]), st.integers(0, 2)), max_size=9))
def test_every_tenant_sees_each_text_once_whoever_else_has_it(given_to):
    texts = [" ".join(f"text{n}word{w}" for w in range(60)) for n in range(3)]
    near = [texts[n] + f" end{place}" for place, (_, n) in enumerate(given_to)]
    for settings, written in (
        (Deduplication(), [texts[n] for _, n in given_to]),
        (Deduplication(exact=False, near=True), near),
    ):
        listed = [of(t, f"d{i}", written[i]) for i, (t, _) in enumerate(given_to)]
        kept = list(_Intake([], settings, silent).documents(Listed(listed)))
        for tenant in ("", "acme", "globex"):
            seen = {written[i][:9] for i, (t, _) in enumerate(given_to) if t in ("", tenant)}
            left = [d.text[:9] for d in kept if d.metadata.get("tenant", "") == tenant]
            public = {d.text[:9] for d in kept if not d.metadata.get("tenant")}
            assert seen == public | set(left)
            assert len(left) == len(set(left))


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    with pytest.raises(EmptyStageError, match="empty after cleaning: 1"):
        ingest(Listed([Document("a", " ")]), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_an_id_that_comes_twice_is_an_error(tmp_path):
    with pytest.raises(DataError, match='the id "d0"'):
        ingest(Listed([*numbered(2), numbered(1)[0]]), tmp_path / "c")


def test_a_failing_source_leaves_the_old_version(tmp_path, monkeypatch):
    monkeypatch.setattr("metier.corpus.ingest._FLUSH_ROWS", 2)
    first = ingest(Listed(numbered(5)), tmp_path / "c")
    files = sorted((tmp_path / "c" / "data").iterdir())

    def failing():
        yield from numbered(20)
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        ingest(Listed(failing()), tmp_path / "c")
    assert LanceCorpus.open(tmp_path / "c").version == first.version
    assert sorted((tmp_path / "c" / "data").iterdir()) == files


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/c.*folder that you may write to"):
        ingest(Listed(numbered(1)), tmp_path / "file" / "c")


def test_a_folder_without_a_corpus_is_named(tmp_path):
    with pytest.raises(StorageError, match="metier ingest"):
        LanceCorpus.open(tmp_path / "none")


KILLED = """
import os, signal, sys
from pathlib import Path
import metier.corpus.ingest as module
from metier.types import Document
module._FLUSH_ROWS = 10
class Source:
    def documents(self, on_malformed):
        for n in range(1000):
            if n == 500:
                os.kill(os.getpid(), signal.SIGKILL)
            yield Document(str(n), f"new {n}")
module.ingest(Source(), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("has_old", [True, False])
def test_a_kill_leaves_the_old_version_and_the_next_ingest_works(tmp_path, has_old):
    if has_old:
        ingest(Listed(numbered(5)), tmp_path / "c")
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "c"], env=environment)
    assert killed.returncode == -signal.SIGKILL
    if has_old:
        assert len(LanceCorpus.open(tmp_path / "c")) == 5
    ingest(Listed(numbered(7)), tmp_path / "c")
    assert len(LanceCorpus.open(tmp_path / "c")) == 7


def test_near_duplicates_are_judged_by_their_true_similarity():
    words = [f"w{n}" for n in range(60)]
    with NearDuplicates(0.7) as near:
        assert near.add(" ".join(words)) is None
        assert near.add(" ".join(words[30:] + words[:30])) is not None
        assert near.add(" ".join(words[:40] + [f"x{n}" for n in range(20)])) is None
        found = near.add("X" + " ".join(words)[1:] + " end")
        assert found is not None and found.number == 0 and 0.7 < found.similarity < 1
        assert near.add("") is None
        assert near.add("two words") is None
        assert near.add("two words") is not None


def test_a_full_folder_of_temporary_files_is_named(monkeypatch):
    with Path("/dev/full").open("w+b", buffering=0) as full:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda: full)
        with pytest.raises(StorageError, match="TMPDIR"), NearDuplicates(0.7) as near:
            near.add("said once")


def test_near_duplicates_are_found_where_no_blanks_part_words():
    said = "".join(chr(0x4E00 + 7 * n) for n in range(100))
    with NearDuplicates(0.7) as near:
        assert near.add(said) is None
        assert near.add(said[:30] + "新" + said[31:70] + "新" + said[71:]) is not None
        assert near.add(said[:30] + "新" + said[:-31:-1]) is None


@pytest.mark.parametrize("threshold", [0.001, 0.7, 0.96, 1.0])
def test_any_threshold_finds_what_is_as_alike_or_more(threshold):
    words = " ".join(f"w{n}" for n in range(60))
    with NearDuplicates(threshold) as near:
        assert near.add(words) is None
        assert near.add(words.upper()) is not None
        assert (near.add(words + " end") is None) == (threshold > 56 / 57)
        assert near.add("something else that nobody has ever said") is None


def test_the_leak_probe_sees_labels_in_what_was_removed(tmp_path):
    documents = [
        Document(f"d{n}", f"text {n} {'red' if n % 2 else 'blue'}@x.org", metadata={"label": n % 2})
        for n in range(40)
    ]
    ingest(Listed(documents), tmp_path / "c", steps=[make_step("addresses")])
    found = probe(LanceCorpus.open(tmp_path / "c").documents(), "label", seed=1)
    assert found.chance == 0.5
    assert found.removed["addresses"].value == 1.0
    assert found.removed["addresses"].n == 40
    with pytest.raises(DataError, match="two or more values"):
        probe(LanceCorpus.open(tmp_path / "c").documents(), "other")
