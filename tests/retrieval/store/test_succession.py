"""A new version of an entity ends the one before it."""

import pytest

from metier.types import Scope
from tests.retrieval.stores import found, passage, store, write_at_once


def version(document, text, start, **more):
    return passage(document, text, entity="T1", valid_from=start, **more)


@pytest.fixture
def index(tmp_path):
    return store(
        tmp_path / "index",
        version("v1", "browser bookmark discovery", "2020-01-01"),
        passage("other", "browser bookmark of another", entity="T2", valid_from="2020-01-01"),
    )


def on(index, day):
    return set(found(index, "browser bookmark", scope=Scope(as_of=day)))


def test_the_version_before_ends_where_the_new_one_begins(index):
    before = index.version
    index.upsert([version("v2", "browser information discovery", "2023-05-01")], succeed=True)
    assert on(index, "2023-04-30") == {"v1", "other"}
    assert on(index, "2023-05-01") == {"v2", "other"}
    changes = [one for one in range(before, index.version + 1)]
    assert len(changes) == 2  # one commit: nobody sees both, or neither


def test_a_version_that_comes_late_ends_where_the_next_begins(index):
    index.upsert([version("v0", "browser history", "2018-01-01")], succeed=True)
    assert on(index, "2019-12-31") == {"v0"}
    assert on(index, "2020-01-01") == {"v1", "other"}


def test_several_versions_in_one_batch_follow_each_other(index):
    batch = [version("v3", "third browser", "2024-01-01"), version("v2", "browser", "2022-01-01")]
    index.upsert(batch, succeed=True)
    held = ("2021-12-31", "v1"), ("2023-12-31", "v2"), ("2024-01-01", "v3")
    assert all(on(index, day) == {one, "other"} for day, one in held)


def test_other_tenants_and_plain_upserts_end_nothing(index):
    index.upsert([version("v2", "browser", "2023-05-01", tenant="somebody")], succeed=True)
    assert "v1" in on(index, "2024-01-01")
    index.upsert([version("v3", "browser", "2023-05-01")])
    assert on(index, "2024-01-01") == {"v1", "v3", "other"}


def test_the_same_version_again_changes_only_its_text(index):
    index.upsert([version("v1", "browser bookmarks, mended", "2020-01-01")], succeed=True)
    assert on(index, "2024-01-01") == {"v1", "other"}
    hits = index.search(["bookmarks mended"])[0]
    assert hits[0].valid_to is None


def test_of_versions_that_two_write_at_once_each_ends_where_the_next_begins(index):
    for year in range(2022, 2030, 2):
        news = [[version(f"v{y}", f"browser of {y}", f"{y}-01-01")] for y in (year, year + 1)]
        write_at_once(
            index.path, *(lambda i, p=passages: i.upsert(p, succeed=True) for passages in news)
        )
        assert on(index, f"{year}-06-01") == {f"v{year}", "other"}
        assert on(index, f"{year + 1}-06-01") == {f"v{year + 1}", "other"}
