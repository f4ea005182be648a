"""``metier changes`` on the store of a released specialist."""

import json

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.methods.retrieve import Retrieve
from metier.types import Document
from tests.cli.console import call, refused
from tests.methods.test_retrieve import context
from tests.retrieval.authority.test_changing import MIDDLE, NEW, OLD, OTHER, RELEASES, VERSIONS
from tests.retrieval.authority.test_changing import version as said

WEB = said("2020-01-01", "2022-01-01", "A web page.", tier="web", name="Rumour")


@pytest.fixture
def released(folder, fakes):
    settings = {"name_columns": ["name"], "releases": RELEASES}
    corpus = MemoryCorpus([*VERSIONS, OTHER, WEB, Document("x", "About nobody.")])
    made = Retrieve()
    given = context(made, folder / ".metier/specialist", settings=settings, corpus=corpus)
    made.fit("rung", given)
    return folder


def test_what_changed_between_two_days_is_told_by_entity(released):
    done = call("changes", ".", "--from", "2021-01", "--to", "2024")
    assert done.code == 0, done.err
    assert done.out == (
        "T1217 (curated)\n"
        f'  Until 2021-05-01 name was "{OLD}"; since then it is "{MIDDLE}".\n'
        '  Until 2021-05-01 text was "Adversaries read bookmarks."; since then it is '
        '"Adversaries read the browser.".\n'
        f'  Until 2023-10-31 name was "{MIDDLE}"; since then it is "{NEW}".\n'
        '  Until 2023-10-31 text was "Adversaries read the browser."; since then it is '
        '"Adversaries read browser data.".\n'
        "T1217 (web)\n"
        '  Until 2022-01-01 name was "Rumour"; since then there is none.\n'
        '  Until 2022-01-01 text was "A web page."; since then there is none.\n'
    )


def test_one_entity_by_any_of_its_names_and_days_by_release(released):
    given = ("--from", "v9", "--to", "v14", "--entity", "browser discovery", "--json")
    rows = json.loads(call("changes", ".", *given).out)
    assert [row["new"] for row in rows if (row["field"], row["tier"]) == ("name", "curated")] == [
        MIDDLE,
        NEW,
    ]
    assert {row["entity"] for row in rows} == {"T1217"}
    assert rows[0] == {
        "entity": "T1217",
        "tier": "curated",
        "field": "name",
        "date": "2021-05-01",
        "old": OLD,
        "new": MIDDLE,
    }


def test_what_cannot_be_is_refused(released):
    assert "backwards" in refused("changes", ".", "--from", "2024", "--to", "2021")
    assert "'soon' is no date" in refused("changes", ".", "--from", "soon", "--to", "2021")
    said = refused("changes", ".", "--from", "2021", "--to", "2022", "--entity", "T9")
    assert "nothing is about 'T9'" in said
    done = call("changes", ".", "--from", "2024", "--to", "2024-02", "--json")
    assert (done.code, json.loads(done.out)) == (0, [])


def test_a_tenant_sees_its_own_changes_beside_everybodys(folder, fakes):
    own = [
        said(start, end, text, name=text, tenant="acme", entity="T9")
        for start, end, text in (
            ("2020-01-01", "2022-01-01", "Their plan is Heron."),
            ("2022-01-01", None, "Their plan is Wren."),
        )
    ]
    given = context(
        Retrieve(), folder / ".metier/specialist", corpus=MemoryCorpus([*VERSIONS, *own])
    )
    Retrieve().fit("rung", given)
    asked = ("changes", ".", "--from", "2021-01", "--to", "2024")
    assert "Wren" not in call(*asked).out
    theirs = call(*asked, "--tenant", "acme").out
    assert "Wren" in theirs and MIDDLE in theirs
