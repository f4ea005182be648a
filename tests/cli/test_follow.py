"""``metier follow`` on the store of a released specialist, with fakes for models."""

import dataclasses
import json

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.methods.looked_up import open_store
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeEmbedder, FakeModels
from metier.retrieval.store.build import build_index
from metier.retrieval.store.index import Index
from metier.sources.described import Description, describe
from metier.types import Document, Scope
from tests.cli.console import call, refused
from tests.methods.test_retrieve import context


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


# --- what the recipe says of a source -----------------------------------------------------------

SAID = """
name = "groups"
[cleaning]
exact_duplicates = false
near_duplicates = 0
[[sources]]
kind = "table"
path = "groups.csv"
tier = "curated"
tenant = "acme"
entity = "group"
valid_from = "since"
{more}
[task]
kind = "short_answer"
instruction = "Answer."
[questions]
path = "questions.csv"
"""
OLD = {"id": "1", "text": "APT29 is after embassies.", "group": "APT29", "since": "2020-01-01"}
NEW = {"id": "2", "text": "APT29 is after clouds.", "group": "APT29", "since": "2024"}
OTHER = {"id": "3", "text": "Sand Cat is after mice.", "group": "G7", "since": "2021-05-01"}
DESCRIPTION = Description("curated", "acme", "group", "since")
ACME = Scope(tenant="acme")


@pytest.fixture
def released(folder, fakes):
    """A specialist over one document of the recipe's source; asked curated first, by names."""
    (folder / "metier.toml").write_text(SAID.format(more=""), encoding="utf-8")
    row = {**OLD, "name": "Cozy Bear"}
    document = Document(row.pop("id"), row.pop("text"), metadata=row)
    corpus = MemoryCorpus([describe(document, DESCRIPTION)])
    place, made = folder / ".metier/specialist", Retrieve()
    settings = {"tiers": ["curated", "web"], "name_columns": ["name"], "k": 3}
    candidate = made.fit("rung", context(made, place, settings=settings, corpus=corpus))
    return open_store(candidate, place, FakeModels())


def documents(store, question, **scope):
    hits = store.search([question], 3, scope=dataclasses.replace(ACME, **scope))[0]
    return [hit.chunk.source.document for hit in hits]


def test_what_is_followed_is_described_as_the_recipes_source_is(folder, released):
    write(folder, NEW, {**NEW, "id": "4", "since": "soon"}, {"id": "5", "text": "Of nobody."})
    done = call("follow", ".", "news.jsonl", "--once")
    assert (done.code, done.out) == (0, "1 updates taken in\n")
    assert "document 4: 'soon' is no date" in done.err
    assert "document 5: has no 'group'" in done.err
    [hit] = released.search(["What is APT29 after?"], 3, scope=ACME)[0]
    assert (hit.chunk.source.document, hit.tier, hit.valid_from) == ("2", "curated", "2024-01-01")
    assert documents(released, "What is APT29 after?", as_of="2022-01-01") == ["1"]
    assert released.search(["What is APT29 after?"], 3)[0] == []  # it is the tenant's own


def test_what_the_command_says_goes_before_the_recipe(folder, released):
    write(folder, {**OTHER, "about": "G8"})
    given = ("--tier", "web", "--entity", "about", "--no-succeed")
    assert call("follow", ".", "news.jsonl", "--once", *given).code == 0
    [hit] = released.search(["mice"], 1, scope=dataclasses.replace(ACME, entities=("G8",)))[0]
    assert (hit.tier, hit.metadata["entity"]) == ("web", "G8")


def test_an_entity_that_comes_can_be_named_at_once(folder, released):
    assert documents(released, "What is Sand Cat after?") == ["1"]
    write(folder, {**OTHER, "name": "Sand Cat"}, {**NEW, "name": ["Cozy Bear", "Nobelium"]})
    assert call("follow", ".", "news.jsonl", "--once").code == 0
    assert documents(released, "What is Sand Cat after?") == ["3"]  # seen by an open store
    assert documents(released, "Whom does Nobelium visit?") == ["2"]


def test_of_sources_that_differ_one_has_to_be_named(folder, released):
    web = """[[sources]]
kind = "table"
path = "web.csv"
tier = "web"
entity = "group"
"""
    (folder / "metier.toml").write_text(SAID.format(more=web), encoding="utf-8")
    write(folder, {**OTHER, "tenant": "acme"})
    said = refused("follow", ".", "news.jsonl", "--once")
    assert "--source" in said and "groups.csv" in said and "web.csv" in said
    assert "no source 'x.csv'" in refused(
        "follow", ".", "news.jsonl", "--once", "--source", "x.csv"
    )
    assert call("follow", ".", "news.jsonl", "--once", "--source", "web.csv").code == 0
    hits = released.search(["mice"], 3, scope=ACME)[0]
    assert {hit.chunk.source.document: hit.tier for hit in hits}["3"] == "web"


def test_a_tenants_stream_changes_nothing_of_others(folder, index):
    write(folder, {"id": "old", "text": "A plan.", "tenant": "b"}, {"id": "new", "text": "Mine."})
    assert call("follow", ".", "news.jsonl", "--once", "--tenant", "a").code == 0
    hits = Index.open(index.path, FakeEmbedder()).search(["plan mine rivers"])[0]
    assert [hit.chunk.text for hit in hits] == ["A text about rivers."]
    write(folder, {"op": "delete", "id": "old"})
    assert call("follow", ".", "news.jsonl", "--once", "--tenant", "a").code == 0
    assert index.documents() == {"old", "new"}
