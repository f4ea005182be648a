"""A question about two days and one entity is shown the change, and cites both its versions."""

import dataclasses

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.methods.looked_up import open_store
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModel, FakeModels
from metier.retrieval.authority.dates import date_asked, dates_asked
from metier.types import Completion, Document, Scope, Usage
from tests.methods.test_retrieve import asked, context

OLD, MIDDLE, NEW = "Bookmark Discovery", "Browser Discovery", "Browser Information Discovery"
QUESTION = "What changed in the name of T1217 between v9 and v14?"
TOLD = (
    f'Until 2021-05-01 name was "{OLD}"; since then it is "{MIDDLE}".\n'
    f'Until 2023-10-31 name was "{MIDDLE}"; since then it is "{NEW}".\n'
)


def version(start, end, text, **more):
    said = {"entity": "T1217", "since": start, "tier": "curated", **more}
    said["key"] = said["entity"]
    dates = {"valid_from": start, "valid_to": end}
    id = f"{said['entity']}@{start}@{said['tier']}"
    return Document(id, text, metadata={**said, **dates})


VERSIONS = [
    version("2019-10-24", "2021-05-01", "Adversaries read bookmarks.", name=OLD),
    version("2021-05-01", "2023-10-31", "Adversaries read the browser.", name=MIDDLE),
    version("2023-10-31", None, "Adversaries read browser data.", name=NEW),
]
OTHER = version("2019-10-24", None, "Adversaries read the owner.", entity="T1033", name="Owner")
RELEASES = {"v9": "2020-04-29", "v14": "2023-10-31"}


class Answering(FakeModels):
    """A language model that says one sentence."""

    def __init__(self, said=""):
        super().__init__()
        self.said = said

    def language_model(self, name, *, adapter=None):
        said = self.said

        class Model(FakeModel):
            def generate(self, batch, config):
                return [Completion(said, Usage(1, 1)) for _ in batch]

        return Model(name=name)


@pytest.fixture
def rung(tmp_path):
    def made(documents=(*VERSIONS, OTHER), **settings):
        method = Retrieve()
        settings = {"name_columns": ["name", "key"], "releases": RELEASES, **settings}
        given = context(method, tmp_path / "rung", settings=settings)
        corpus = MemoryCorpus(documents)
        return method.fit("rung", dataclasses.replace(given, corpus=corpus)), tmp_path / "rung"

    return made


def search(rung, question, k=3, **scope):
    return open_store(*rung, FakeModels()).search([question], k, scope=Scope(**scope))[0]


@pytest.mark.parametrize(
    ("question", "days"),
    [
        ("between 2021 and 2024", ["2021-01-01", "2024-01-01"]),
        ("from 2024 to 2021?", ["2021-01-01", "2024-01-01"]),
        ("between v9 and 2024", ["2020-04-29", "2024-01-01"]),
        ("between May 2021 and 2023-10-31", ["2021-05-01", "2023-10-31"]),
        ("from 2021 to now", []),
        ("Was it renamed from CVE 2021 and 2024 others?", []),
        ("in 2021", ["2021-01-01"]),
    ],
)
def test_two_days_of_a_question_are_found(question, days):
    assert dates_asked(question, RELEASES) == days
    assert date_asked(question, RELEASES) == (days[0] if len(days) == 1 else None)


@pytest.mark.parametrize("settings", [{}, {"tiers": ["curated"]}, {"parent_characters": 900}])
@pytest.mark.parametrize("question", [QUESTION, QUESTION.replace("v9 and v14", "2020 and 2024")])
def test_the_change_is_the_passage(rung, question, settings):
    [hit] = search(rung(**settings), question)
    assert hit.chunk.text == f"{TOLD}Adversaries read browser data."
    assert [one.metadata["name"] for one in hit.versions] == [OLD, MIDDLE, NEW]


def test_an_answer_about_the_change_cites_both_versions(rung):
    candidate, folder = rung(VERSIONS[::2])
    said = f'Until 2021-05-01 name was "{OLD}"; since 2023-10-31 it is "{NEW}".'
    made = Retrieve().load(candidate, folder, Answering(said))
    [answer] = made.answer(asked(QUESTION))
    assert f'name was "{OLD}"' in answer.prompt[-1].content
    [support] = answer.grounding.supports
    cited = [answer.grounding.chunks[place].span.document for place in support.chunks]
    assert cited == ["T1217@2019-10-24@curated", "T1217@2023-10-31@curated"]
    assert [span.document for span in support.quotes] == cited
    # Quoted is what stands in each, not the sentence that was put together.
    assert support.words == ("Adversaries read bookmarks.", "Adversaries read browser data.")


def test_an_answer_from_the_newest_text_cites_that_alone(rung):
    candidate, folder = rung()
    made = Retrieve().load(candidate, folder, Answering("Adversaries read browser data."))
    [support] = made.answer(asked(QUESTION))[0].grounding.supports
    assert support.words == ("Adversaries read browser data",)
    assert [(span.start, span.end) for span in support.quotes] == [(0, 29)]
    assert [span.document for span in support.quotes] == ["T1217@2023-10-31@curated"]


def test_what_holds_at_once_is_no_change(rung):
    web = version("2022-01-01", None, "The web on browser data.", tier="web", name="Rumour")
    hits = search(rung([*VERSIONS, web]), QUESTION)
    assert [bool(hit.versions) for hit in hits] == [True, False]
    assert "Rumour" not in hits[0].chunk.text


def test_where_only_the_text_changed_both_are_shown_with_their_days(rung):
    same = [dataclasses.replace(one, metadata={**one.metadata, "name": OLD}) for one in VERSIONS]
    hits = search(rung(same), "What changed in T1217 between 2022 and 2024?")
    assert [hit.chunk.text for hit in hits] == [one.text for one in VERSIONS[1:]]
    assert [hit.chunk.title for hit in hits] == [
        "(from 2021-05-01 until 2023-10-31)",
        "(since 2023-10-31)",
    ]


def test_a_scope_and_days_before_everything(rung):
    made = rung()
    [hit] = search(made, QUESTION, as_of="2022-01-01")
    assert hit.metadata["name"] == MIDDLE
    [hit] = search(made, "What became of T1217 between 1999 and 2022?")
    assert [one.metadata["name"] for one in hit.versions] == [OLD, MIDDLE]
    assert search(made, "What became of T1217 between 1998 and 1999?") == []
    assert len(search(made, "What do adversaries read between 2020 and 2024?")) == 2
