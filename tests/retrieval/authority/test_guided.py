"""From a recipe's source to a rung that answers about whom and as of when it is asked."""

import csv
import dataclasses

import pytest

from metier.corpus.deduplicate import Deduplication
from metier.corpus.ingest import ingest
from metier.corpus.table import LanceCorpus
from metier.errors import DataError
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModels
from metier.retrieval.authority.guided import guide_of
from metier.sources import TableSource
from metier.sources.described import Description, described
from metier.types import Alias
from tests.methods.test_retrieve import asked, context

ROWS = [
    ("T1217", "2019-10-24", "Browser Bookmark Discovery", "Adversaries read browser bookmarks."),
    ("T1217", "2023-10-31", "Browser Information Discovery", "Adversaries read browser data."),
    ("T1033", "2019-10-24", "Owner Discovery", "Adversaries read the owner's name."),
]


@pytest.fixture
def corpus(tmp_path):
    with (tmp_path / "rows.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["key", "since", "name", "text"])
        rows.writerows(ROWS)
    source = described(
        TableSource(tmp_path / "rows.csv"),
        Description(tier="curated", entity="key", valid_from="since"),
    )
    ingest(source, tmp_path / "corpus", deduplication=Deduplication(exact=False, near=False))
    return LanceCorpus.open(tmp_path / "corpus")


def answerer(corpus, workdir, **settings):
    made = Retrieve()
    given = context(made, workdir, settings={"k": 2, **settings})
    candidate = made.fit("rung", dataclasses.replace(given, corpus=corpus))
    return made.load(candidate, workdir, FakeModels())


def test_a_guide_knows_all_names_and_the_first_day(corpus):
    guide = guide_of(corpus, ["name", "key"])
    assert Alias("Browser Bookmark Discovery", "T1217") in guide.names
    assert Alias("T1033", "T1033") in guide.names
    assert guide.earliest == "2019-10-24"
    with pytest.raises(DataError, match="no document has an entity with a name in nickname"):
        guide_of(corpus, ["nickname"])


@pytest.mark.parametrize("tiers", [[], ["curated", "web"]])
def test_a_rung_answers_as_of_the_day_it_is_asked_about(corpus, tmp_path, tiers):
    rung = answerer(corpus, tmp_path / "rung", name_columns=["name", "key"], tiers=tiers)
    for question, text in (
        ("What was T1217 called in 2021?", ROWS[0][3]),
        ("What is Browser Bookmark Discovery called in 2024?", ROWS[1][3]),
        ("What is t-1217?", ROWS[1][3]),
        ("What did T1033 read on 2020-05-05?", ROWS[2][3]),
    ):
        chunks = rung.answer(asked(question))[0].grounding.chunks
        assert [chunk.text for chunk in chunks] == [text]
        assert chunks[0].tier == "curated"
    assert rung.answer(asked("What was T1217 called in 1999?"))[0].grounding.chunks == ()


def test_without_name_columns_everything_is_searched(corpus, tmp_path):
    rung = answerer(corpus, tmp_path / "rung")
    assert len(rung.answer(asked("What is T1217?"))[0].grounding.chunks) == 2
