"""The store of passages: what is put in is found, what is taken out is not."""

import threading
from itertools import pairwise

import pytest

from metier.errors import DataError, StorageError
from metier.models.engines.fake import FakeEmbedder
from metier.protocols import Retriever
from metier.retrieval.store.index import Index, batches
from metier.types import Box, Chunk, Passage, Scope, Span
from tests.retrieval.stores import found, passage, store, write_at_once


@pytest.fixture
def animals(tmp_path):
    return store(
        tmp_path / "index",
        passage("cats", "The cat of the house is asleep in the sun."),
        passage("dogs", "A dog runs to the river and swims with the others."),
        passage("fish", "The fish of the lake and those of the sea."),
    )


def test_index_keeps_the_contract_of_a_retriever(animals):
    assert isinstance(animals, Retriever)


def test_words_find_their_passage_in_another_form(animals):
    hit = animals.search(["swimming dogs"])[0][0]
    assert hit.chunk.source.document == "dogs"
    assert hit.ranks["text"] == 1


def test_hits_are_at_most_k_and_the_best_first(animals):
    for k in (1, 2, 3, 10):
        hits = animals.search(["cat", "sea"], k)
        assert [len(one) for one in hits] == [min(k, 3)] * 2
        for one in hits:
            scores = [hit.score for hit in one]
            assert scores == sorted(scores, reverse=True)


def test_a_hit_has_all_that_was_put_in(tmp_path):
    box: Box = (1.0, 2.0, 3.5, 4.0)
    chunk = Chunk("d#7", "a red apple", 5, 16, Span("d", 6, 17, 3, box), "Fruit")
    given = Passage(chunk, "Reds", "file:x.pdf", "book", "t", "2020-01-01", None, {"a": [1]}, "red")
    index = store(tmp_path / "index", given)
    hit = index.search(["apple"], scope=Scope(tenant="t", as_of="2020-01-01"))[0][0]
    assert hit.chunk == chunk
    assert (hit.uri, hit.tier, hit.valid_from, hit.valid_to, hit.metadata) == (
        "file:x.pdf",
        "book",
        "2020-01-01",
        None,
        {"a": [1]},
    )


def test_a_new_document_is_found_and_a_deleted_one_never_again(animals):
    other = Index.open(animals.path, FakeEmbedder())
    animals.upsert([passage("owls", "The owl of the wood hunts by night.")])
    assert found(other, "owls hunting", 1) == ["owls"]
    assert animals.delete(["owls", "no such document"]) == 1
    assert "owls" not in found(other, "owls hunting", 10)
    assert "owls" not in found(animals, "owls hunting", 10)
    assert animals.delete([]) == 0


def test_a_changed_document_has_no_passage_of_the_old_one_left(tmp_path):
    index = store(
        tmp_path / "index",
        passage("a", "the first part on whales"),
        passage("a", "the second part on sharks", number=1),
        passage("b", "another text on whales"),
    )
    index.upsert([passage("a", "now it is on birds")])
    assert len(index) == 2
    assert found(index, "sharks whales", 1) == ["b"]
    assert index.documents() == {"a", "b"}


def test_many_changes_keep_word_search_exact(tmp_path):
    index = store(tmp_path / "index", passage("0", "the word0 of the day"))
    for number in range(1, 30):
        index.upsert([passage(str(number), f"the word{number} of the day")])
    index.delete([str(number) for number in range(0, 30, 2)])
    for number in range(30):
        hits = index.search([f"word{number}"], 30)[0]
        first = [hit.chunk.source.document for hit in hits if hit.ranks.get("text") == 1]
        assert first == ([str(number)] if number % 2 else [])


def test_an_empty_store_finds_nothing(tmp_path):
    assert store(tmp_path / "index").search(["anything", ""]) == [[], []]
    assert store(tmp_path / "other").search([]) == []


def test_two_documents_with_one_id_are_refused_by_name(tmp_path):
    index = store(tmp_path / "index")
    twins = [passage("a", "one", uri="one.txt"), passage("a", "two", uri="two.txt")]
    with pytest.raises(DataError, match=r"the id 'a' \('one.txt', 'two.txt'\)"):
        index.upsert(twins)
    assert len(index) == 0


def test_a_question_of_ten_thousand_words_is_answered(animals):
    question = " ".join(f"nothing{number}" for number in range(9999)) + " fish"
    assert len(animals.search([question, "fish " * 10_000])) == 2
    assert found(animals, "fish " * 10_000, 1) == ["fish"]


def test_a_tenant_sees_its_own_and_everybodys_and_never_anothers(tmp_path):
    index = store(
        tmp_path / "index",
        passage("a", "the secret of one", tenant="one"),
        passage("b", "the secret of two", tenant="two"),
        passage("c", "no secret at all"),
    )
    hits = index.search(["secret"], scope=Scope(tenant="one"))[0]
    assert {hit.chunk.source.document: hit.tenant for hit in hits} == {"a": "one", "c": ""}
    assert found(index, "secret") == ["c"]
    assert found(index, "secret", scope=Scope(tenant="' OR ''='")) == ["c"]


def readmes(path):
    """The same id at two tenants and at nobody."""
    index = store(path, passage("readme", "the secret of one", tenant="one"))
    index.upsert([passage("readme", "the secret of two", tenant="two")])
    index.upsert([passage("readme", "no secret at all")])
    return index


def texts(index, tenant=""):
    return {hit.chunk.text for hit in index.search(["secret"], scope=Scope(tenant=tenant))[0]}


def test_a_tenants_document_replaces_no_other_of_its_id(tmp_path):
    index = readmes(tmp_path / "index")
    index.upsert([passage("readme", "a new secret of two", tenant="two")])
    assert texts(index, "one") == {"the secret of one", "no secret at all"}
    assert texts(index, "two") == {"a new secret of two", "no secret at all"}
    assert texts(index) == {"no secret at all"}


def test_documents_of_one_id_come_in_one_call_when_they_are_of_two_tenants(tmp_path):
    given = [passage("readme", f"the secret of {one}", tenant=one) for one in ("one", "two")]
    index = store(tmp_path / "index", *given)
    assert texts(index, "one") == {"the secret of one"}
    index.upsert([passage("readme", "no secret at all")], fresh=True)
    with pytest.raises(DataError, match="id 'readme'"):
        index.upsert(given[:1], fresh=True)


def test_a_document_that_shrinks_loses_its_rest_and_no_one_elses(tmp_path):
    index = readmes(tmp_path / "index")
    both = [passage("readme", f"secret part {n}", number=n, tenant="two") for n in (0, 1)]
    index.upsert(both)
    index.upsert(both[:1])
    assert texts(index, "two") == {"secret part 0", "no secret at all"}
    assert texts(index, "one") == {"the secret of one", "no secret at all"}


def test_a_delete_takes_out_the_tenants_own_alone(tmp_path):
    index = readmes(tmp_path / "index")
    assert index.delete(["readme"], tenant="three") == 0
    assert index.delete(["readme"], tenant="two") == 1
    assert texts(index, "two") == {"no secret at all"}
    assert index.delete(["readme"]) == 1
    assert texts(index, "one") == {"the secret of one"}


def test_all_passages_of_a_document_are_those_that_the_tenant_sees(tmp_path):
    index = readmes(tmp_path / "index")
    seen = [hit.tenant for hit in index.passages_of(["readme"], tenant="one")]
    assert seen == ["", "one"]
    assert [hit.tenant for hit in index.passages_of(["readme"])] == [""]


def test_only_what_is_valid_on_the_day_is_found(tmp_path):
    index = store(
        tmp_path / "index",
        passage("old", "the rule of the house", valid_to="2020-06-01"),
        passage("new", "the rule of the house", valid_from="2020-06-01"),
        passage("next", "the rule of the house", valid_from="9999-01-01"),
    )
    assert found(index, "rule") == ["new"]
    assert found(index, "rule", scope=Scope(as_of="2020-05-31")) == ["old"]
    assert found(index, "rule", scope=Scope(as_of="2020-06-01")) == ["new"]


def test_tiers_are_those_asked_for(tmp_path):
    index = store(
        tmp_path / "index",
        passage("a", "the law", tier="curated"),
        passage("b", "the law", tier="general"),
    )
    assert found(index, "law", scope=Scope(tiers=("general",))) == ["b"]
    assert len(found(index, "law")) == 2


def test_an_index_opens_only_with_its_own_embedder(animals, tmp_path):
    with pytest.raises(DataError, match="made with the embedder 'fake'"):
        Index.open(animals.path, FakeEmbedder(name="another"))
    with pytest.raises(StorageError, match="there is no index"):
        Index.open(tmp_path / "nowhere", FakeEmbedder())
    with pytest.raises(StorageError, match="already"):
        Index.create(animals.path, FakeEmbedder())


def test_the_version_grows_with_each_change(animals):
    before = animals.version
    animals.delete(["cats"])
    assert animals.version > before


def test_batches_never_cut_a_document():
    rows = [passage(str(number // 3), "text", number=number) for number in range(20)]
    parts = list(batches(rows, 4))
    assert [row for part in parts for row in part] == rows
    for first, second in pairwise(parts):
        assert first[-1].document != second[0].document


def test_a_search_is_right_while_another_thread_writes(tmp_path):
    index = store(tmp_path / "index", passage("fixed", "whales sing"), passage("a", "sharks"))
    done = threading.Event()

    def write():
        for number in range(20):
            index.upsert([passage("a", f"sharks of day {number}"), passage("b", "eels")])
            index.delete(["b"])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        hits = index.search(["whales and sharks"], 5)[0]
        assert {hit.chunk.source.document for hit in hits} >= {"fixed", "a"}
    writer.join()
    assert index.documents() == {"fixed", "a"}


@pytest.mark.parametrize("known", [False, True])
def test_a_document_that_two_write_at_once_is_that_of_one_of_them(animals, known):
    for number in range(8):
        name = f"owls{number}"
        short = [passage(name, "short: owls")]
        long = [passage(name, f"long: owls, part {part}", number=part) for part in range(3)]
        if known:
            animals.upsert([passage(name, "old: owls")])
        write_at_once(animals.path, lambda i, p=short: i.upsert(p), lambda i, p=long: i.upsert(p))
        texts = [hit.chunk.text for hit in animals.passages_of([name])]
        assert texts in ([one.chunk.text for one in passages] for passages in (short, long))


def test_a_document_is_written_while_the_store_settles(animals):
    for number in range(8):
        owls = [passage("owls", f"owls of day {number}")]
        write_at_once(animals.path, Index.settle, lambda i, p=owls: i.upsert(p))
        assert [hit.chunk.text for hit in animals.passages_of(["owls"])] == [owls[0].chunk.text]
