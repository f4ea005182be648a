"""Time: what held on a day, what changed between two, and the change told once."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import DataError
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.dates import date_asked, iso_date
from metier.retrieval.authority.linked import LinkedRetriever
from metier.retrieval.authority.tiers import Tier, TieredRetriever
from metier.retrieval.authority.timeline import (
    Timeline,
    differences,
    ends,
    evolutions,
    holds,
    search_between,
    told,
)
from metier.retrieval.parents import ParentRetriever
from metier.retrieval.rerank import RerankedRetriever
from metier.types import Alias, Change, Document, Scope, Version
from tests.retrieval.stores import passage, store

OLD, NEW = "Browser Bookmark Discovery", "Browser Information Discovery"


class Alike:
    """A reranker to which all are alike."""

    name = "alike"

    def relevance(self, batch):
        return [0.0 for _ in batch]


@pytest.fixture
def timeline():
    return Timeline(
        [
            Version("T1217", {"name": OLD, "on": ["Linux"]}, "2019-10-24", "2023-10-31"),
            Version("T1217", {"name": NEW, "on": ["Linux", "macOS"]}, "2023-10-31"),
            Version("T9", {"name": "Gone"}, "2020-01-01", "2021-01-01"),
        ]
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2023-04-25", "2023-04-25"),
        ("2023-04", "2023-04-01"),
        (2023, "2023-01-01"),
        ("2023-04-25T10:00:00.396Z", "2023-04-25"),
        (date(2020, 2, 29), "2020-02-29"),
    ],
)
def test_dates_are_read(given, expected):
    assert iso_date(given) == expected


@pytest.mark.parametrize("given", ["2023-02-30", "25.4.2023", "soon", "", "2023-13"])
def test_what_is_no_date_is_said(given):
    with pytest.raises(DataError, match="is no date"):
        iso_date(given)


@pytest.mark.parametrize(
    ("question", "day"),
    [
        ("What was T1217 called in v12?", "2022-10-25"),
        ("and in v12.0", None),
        ("As of 25 April 2023, who?", "2023-04-25"),
        ("on April 25, 2023", "2023-04-25"),
        ("on April 2nd, 2023", "2023-04-02"),
        ("in march 2023", "2023-03-01"),
        ("in 2023", "2023-01-01"),
        ("on 2023-04-25?", "2023-04-25"),
        ("between 2022-01-01 and 2023-01-01", None),
        ("CVE-2021-44228, CVE-2021-12 and APT 2020 may 5 times", None),
        ("31 February 2023", None),
    ],
)
def test_the_day_of_a_question_is_found(question, day):
    assert date_asked(question, {"v12": "2022-10-25"}) == day


def test_a_version_holds_from_its_first_day_up_to_the_next(timeline):
    assert timeline.as_of("T1217", "2023-10-30").fields["name"] == OLD
    assert timeline.as_of("T1217", "2023-10-31").fields["name"] == NEW
    assert timeline.as_of("T9", "2021-01-01") is None
    assert timeline.as_of("unknown", "2021-01-01") is None


def test_a_day_before_everything_is_refused(timeline):
    for ask in (timeline.as_of, lambda e, day: timeline.changes(e, day, "2024-01-01")):
        with pytest.raises(DataError, match="oldest text holds from 2019-10-24"):
            ask("T1217", "1999-01-01")
    with pytest.raises(DataError, match="backwards"):
        timeline.changes("T1217", "2024-01-01", "2023-01-01")
    with pytest.raises(DataError, match="at least one version"):
        Timeline([])


def test_changes_are_listed_field_by_field(timeline):
    assert timeline.changes("T1217", "2020-01-01", "2024-01-01") == [
        Change("T1217", "name", "2023-10-31", OLD, NEW),
        Change("T1217", "on", "2023-10-31", ["Linux"], ["Linux", "macOS"]),
    ]
    assert timeline.changes("T9", "2020-06-01", "2024-01-01") == [
        Change("T9", "name", "2021-01-01", "Gone", None)
    ]
    assert timeline.changes("T1217", "2020-01-01", "2023-10-30") == []


def test_what_was_learnt_later_stands_from_then_on():
    timeline = Timeline(
        [
            Version("ip", {"malicious": True}, "2024-01-01", None, known_from="2024-01-02"),
            Version("ip", {"malicious": False}, "2024-01-01", None, known_from="2024-03-01"),
        ]
    )
    assert timeline.as_of("ip", "2024-02-01").fields == {"malicious": False}
    assert timeline.as_of("ip", "2024-02-01", known_on="2024-02-01").fields == {"malicious": True}
    assert timeline.as_of("ip", "2024-02-01", known_on="2024-01-01") is None


def test_versions_are_read_from_documents():
    documents = [
        Document("a", "x", metadata={"entity": "e", "valid_from": "2020", "name": "n", "size": 1}),
        Document("b", "about nobody"),
    ]
    timeline = Timeline.of(documents, ["name"])
    assert timeline.versions("e") == (Version("e", {"name": "n"}, "2020-01-01"),)


def test_a_version_ends_with_the_next_of_its_entity_or_of_the_whole():
    starts = {"a": ["2020", "2022"], "b": ["2020"], "c": ["2021"]}
    assert ends(starts, snapshots=False) == {("a", "2020"): "2022"}
    assert ends(starts, snapshots=True) == {
        ("a", "2020"): "2021",
        ("b", "2020"): "2021",
        ("c", "2021"): "2022",
    }


@given(st.lists(st.dates(date(2000, 1, 1), date(2030, 1, 1)), min_size=1, unique=True))
def test_on_each_day_at_most_one_version_holds(days):
    starts = sorted(day.isoformat() for day in days)
    until = ends({"e": starts}, snapshots=False)
    for day in [*days, *(day + timedelta(days=1) for day in days)]:
        holding = [s for s in starts if holds(s, until.get(("e", s)), day.isoformat())]
        assert holding == [max(s for s in starts if s <= day.isoformat())]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("A", "B"), 'Until 2023-10-31 name was "A"; since then it is "B".'),
        ((None, "B"), 'Since 2023-10-31 name is "B"; there was none before.'),
        (("A", None), 'Until 2023-10-31 name was "A"; since then there is none.'),
        (
            (["x", "y"], ["y", "z"]),
            "Since 2023-10-31 name is without x and with z; until then x, y.",
        ),
        (("A" * 300, "B"), "Since 2023-10-31 name reads otherwise than before."),
    ],
)
def test_a_change_is_told_in_a_sentence(change, sentence):
    assert told(Change("e", "name", "2023-10-31", *change)) == sentence


@pytest.fixture
def index(tmp_path):
    def version(text, start, end, **fields):
        return passage(
            f"T1217@{start}",
            text,
            entity="T1217",
            valid_from=start,
            valid_to=end,
            metadata={"entity": "T1217", **fields},
        )

    other = passage("other", "Unrelated browser text.", entity="T2", metadata={"entity": "T2"})
    named = passage("report", "The browser report mentions T1217 and the browser.")
    return store(
        tmp_path / "index",
        version(f"{OLD} reads browser bookmarks.", "2019-10-24", "2023-10-31", name=OLD),
        version(f"{NEW} reads browser data.", "2023-10-31", None, name=NEW),
        other,
        named,
    )


def test_two_versions_become_one_passage_that_shows_the_change(index):
    scope = Scope(entities=("T1217",))
    hits = search_between(index, "T1217 browser", scope=scope, start="2020-01-01", end="2024-01-01")
    assert len(hits) == 2
    (told_once,) = evolutions(hits, ["name"])
    assert told_once.text == (
        f'Until 2023-10-31 name was "{OLD}"; since then it is "{NEW}".\n{NEW} reads browser data.'
    )
    assert [hit.valid_from for hit in told_once.hits] == ["2019-10-24", "2023-10-31"]


@pytest.mark.parametrize("wrapped", ["linked", "tiered", "parents", "reranked"])
def test_changes_of_what_came_after_the_first_day_and_had_gaps_are_found(tmp_path, wrapped):
    def version(name, start, end):
        more = {"valid_from": start, "valid_to": end, "metadata": {"entity": "T1", "name": name}}
        return passage(f"T1@{start}", f"{name} is a technique.", entity="T1", tier="a", **more)

    index = store(
        tmp_path / "index",
        version("Alpha", "2022-01-01", "2022-06-01"),
        version("Beta", "2022-06-01", "2023-01-01"),
        version("Gamma", "2024-01-01", "2024-06-01"),
        passage("old", "Another technique.", entity="T9", valid_from="2019-01-01", tier="a"),
    )
    search = {
        "linked": LinkedRetriever(index, AliasTable([Alias("T1", "T1")])),
        "tiered": TieredRetriever([Tier("a", index)]),
        "parents": ParentRetriever(index, index, characters=400),
        "reranked": RerankedRetriever(index, Alike()),
    }[wrapped]
    scope = Scope(entities=("T1",))
    hits = search_between(search, "technique", scope=scope, start="2021", end="2025")
    assert [hit.metadata["name"] for hit in hits] == ["Alpha", "Beta", "Gamma"]


def test_hits_about_nobody_stand_alone(index):
    hits = index.search(["browser report"], 5)[0]
    texts = [one.text for one in evolutions(hits, ["name"])]
    assert "The browser report mentions T1217 and the browser." in texts
    assert len(texts) == 3


@pytest.fixture
def linked(index):
    names = AliasTable([Alias("T1217", "T1217"), Alias(OLD, "T1217"), Alias(NEW, "T1217")])
    return LinkedRetriever(index, names, {"v12": "2022-10-25"}, "2019-10-24")


def test_a_question_is_answered_as_of_its_day_and_about_its_entity(linked):
    hits = linked.search(["What was T1217 called in v12, a browser technique?"])[0]
    assert [hit.chunk.source.document for hit in hits] == ["T1217@2019-10-24", "report"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    later = linked.search([f"What is {OLD}?"], 1)[0]
    assert later[0].metadata["name"] == NEW


def test_the_given_scope_goes_before_the_question(linked):
    found = linked.search(["T1217 in v12"], 1, scope=Scope(as_of="2024-01-01"))[0]
    assert found[0].metadata["name"] == NEW
    found = linked.search(["T1217"], 5, scope=Scope(entities=("T2",)))[0]
    assert [hit.metadata["entity"] for hit in found] == ["T2"]


def test_to_ask_as_of_before_everything_says_since_when_there_is_something(linked):
    with pytest.raises(DataError, match="oldest text holds from 2019-10-24"):
        linked.search(["T1217"], scope=Scope(as_of="1999-12-31"))
    with pytest.raises(DataError, match="is no date"):
        linked.search(["T1217"], scope=Scope(as_of="yesterday"))


@pytest.mark.parametrize(
    ("old", "new"),
    [(["a", "a"], ["a"]), (None, []), ("", None), ([], ""), (["b", "a"], ["a", "b"])],
)
def test_what_says_the_same_is_no_change(old, new):
    before, after = (Version("e", {"x": value}, "2020-01-01") for value in (old, new))
    assert differences(before, after, "2021-01-01") == []
