"""A store so large that searches read a part of it."""

import numpy as np
import pytest

from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.encoding import Encoded
from metier.retrieval.store.index import Index
from metier.retrieval.store.rows import to_table
from metier.retrieval.store.table import create_table, is_large, keep_indexed, nearest_to
from metier.types import Scope, SearchSettings
from tests.retrieval.stores import found, passage

ROWS, DIMENSIONS = 50_000, 8


@pytest.fixture(scope="module")
def vectors():
    drawn = np.random.default_rng(0).normal(size=(ROWS, DIMENSIONS)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory, vectors):
    path = tmp_path_factory.mktemp("large") / "index"
    embedder = FakeEmbedder(DIMENSIONS)
    Index.create(path, embedder, settings=SearchSettings(text=2.0))  # fake vectors mean little
    rows = [
        passage(str(n), f"line {n}", tier="rare" if n % 10_000 == 0 else "") for n in range(ROWS)
    ]
    words = tuple(f"line {n}" for n in range(ROWS))
    encoded = Encoded(vectors, (b"",) * ROWS, words)
    table = create_table(path / "rows.lance", to_table(rows, encoded))
    keep_indexed(table)
    (path / "chunks.lance").rename(path / "empty.lance")
    (path / "rows.lance").rename(path / "chunks.lance")
    return Index.open(path, embedder)


def test_the_nearest_are_found_by_reading_a_part(large, vectors):
    import lance

    table = lance.dataset(str(large.path / "chunks.lance"))
    assert is_large(table)
    assert any(one.name == "vector_idx" for one in table.describe_indices())
    hits = 0
    for asked in vectors[:20]:
        near = table.to_table(columns=["id"], nearest=nearest_to(asked, 10))["id"].to_pylist()
        hits += len(set(near) & {f"{place}#0" for place in np.argsort(-vectors @ asked)[:10]})
    assert hits >= 0.95 * 200


def test_a_narrow_scope_finds_all_that_is_in_it(large):
    rare = found(large, "line 7", 10, scope=Scope(tiers=("rare",)))
    assert sorted(rare, key=int) == ["0", "10000", "20000", "30000", "40000"]


def test_a_new_row_is_found_and_a_deleted_one_is_not(large):
    large.upsert([passage("new", "a zebra crosses")])
    assert found(large, "zebra", 1) == ["new"]
    large.delete(["new"])
    assert "new" not in found(large, "zebra", 20)


def test_a_document_that_shrinks_loses_its_rest_and_one_that_grows_keeps_none_twice(large):
    many = [passage("zoo", f"a zebra in pen {n}", number=n) for n in range(3)]
    for passages in (many[:2], many, many[:1]):
        large.upsert(passages)
        assert found(large, "zebra pen", 9).count("zoo") == len(passages)
    large.delete(["zoo"])


def test_settling_leaves_no_row_to_be_read_one_by_one(large):
    import lance

    large.upsert([passage("late", "a yak")])
    large.settle()
    table = lance.dataset(str(large.path / "chunks.lance"))
    rows = table.count_rows()
    assert {one.num_rows_indexed for one in table.describe_indices()} == {rows}
    assert found(large, "yak", 1) == ["late"]
    large.delete(["late"])
