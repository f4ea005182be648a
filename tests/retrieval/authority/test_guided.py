"""From a recipe's source to a rung that answers about whom and as of when it is asked."""

import csv
import dataclasses

import pytest

from metier.corpus.deduplicate import Deduplication
from metier.corpus.in_memory import MemoryCorpus
from metier.corpus.ingest import ingest
from metier.corpus.table import LanceCorpus
from metier.errors import DataError, UserError
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModels
from metier.retrieval.authority.guided import guide_of
from metier.sources import TableSource
from metier.sources.described import Description, described
from metier.types import Alias, Document
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


def answerer(corpus, workdir, folder=None, **settings):
    made = Retrieve()
    given = context(made, workdir, settings={"k": 2, **settings})
    given = dataclasses.replace(given, corpus=corpus, folder=folder or workdir)
    return made.load(made.fit("rung", given), workdir, FakeModels())


def shown(rung, question):
    return [chunk.text for chunk in rung.answer(asked(question))[0].grounding.chunks]


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


def test_without_names_everything_of_the_day_is_searched(corpus, tmp_path):
    rung = answerer(corpus, tmp_path / "rung")
    assert len(shown(rung, "What is T1217?")) == 2
    for question, text in (
        ("What do adversaries read of the browser in 2021?", ROWS[0][3]),
        ("What do adversaries read of the browser in 2024?", ROWS[1][3]),
    ):
        assert set(shown(rung, question)) == {text, ROWS[2][3]}
    assert shown(rung, "What did adversaries read in 1999?") == []


def test_without_versions_a_year_in_a_question_changes_nothing(tmp_path):
    texts = [Document("a", "The mill burnt in 1821."), Document("b", "The mill was built in 1750.")]
    rung = answerer(MemoryCorpus(texts), tmp_path / "rung", releases={"v1": "1700-01-01"})
    assert guide_of(MemoryCorpus(texts), []).dated is False
    assert shown(rung, "What burnt in 1821?") == shown(rung, "What burnt?")
    assert len(shown(rung, "What stood in v1?")) == 2


def test_a_release_that_a_question_names_is_its_day(corpus, tmp_path):
    releases = {"v12": "2022-10-25", "v14": "2023-10-31"}
    rung = answerer(corpus, tmp_path / "rung", name_columns=["key"], releases=releases)
    assert shown(rung, "What was T1217 called in v12?") == [ROWS[0][3]]
    assert shown(rung, "What was T1217 called in v14?") == [ROWS[1][3]]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("aliases.csv", "alias,canonical,kind\nBookmark Thief,T1217,technique\n"),
        ("aliases.jsonl", '{"alias": "Bookmark Thief", "canonical": "T1217"}\n'),
    ],
)
@pytest.mark.parametrize("name_columns", [[], ["name"]])
def test_names_of_a_file_join_those_of_the_columns(corpus, tmp_path, file, text, name_columns):
    (tmp_path / file).write_text(text, encoding="utf-8")
    given = {"names": file, "name_columns": name_columns}
    rung = answerer(corpus, tmp_path / "rung", tmp_path, **given)
    (tmp_path / file).unlink()  # the candidate answers without it
    assert shown(rung, "What is the Bookmark Thief?") == [ROWS[1][3]]
    both = shown(rung, "What is Owner Discovery?")
    assert both == [ROWS[2][3]] if name_columns else len(both) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"aliases\.csv: the names cannot be read"),
        ("alias,entity\nx,T1217\n", r"aliases\.csv:2: needs the columns alias and canonical"),
        ("alias,canonical\n", r"aliases\.csv has no name in it"),
    ],
)
def test_a_file_of_names_that_cannot_serve_is_named(corpus, tmp_path, text, said):
    if text is not None:
        (tmp_path / "aliases.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        answerer(corpus, tmp_path / "rung", tmp_path, names="aliases.csv")


def test_a_release_without_a_day_is_named(corpus, tmp_path):
    with pytest.raises(DataError, match=r"rung 'rung': releases: v12: 'soon' is no date"):
        answerer(corpus, tmp_path / "rung", releases={"v12": "soon"})
