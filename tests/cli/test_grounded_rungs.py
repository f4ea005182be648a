"""Rungs that look things up with all their settings, from recipe to answer."""

import json
import re

import pytest

from metier.models import registry
from metier.models.engines.fake import FakeModel, FakeModels
from metier.serving.release.ask_tool import AskTool
from metier.serving.release.specialist import load
from metier.types import Completion, LabelScores, ToolCall, Usage
from tests import joined
from tests.cli.console import call, refused

RECIPE = """name = "towns"
seed = 1

[[sources]]
kind = "table"
path = "towns.csv"
id = "id"
title = "title"

[questions]
path = "asked.csv"
question = "asked"
answer = "answer"
document = "about"

[task]
kind = "short_answer"
instruction = "Answer."

[split]
test = 0.3
dev = 0.4

[retention]
suites = []
"""
RUNG = """
[[rungs]]
method = "retrieve"
k = 2
parent_characters = 600
reranker = "smollm2-135m-instruct"
rerank_depth = 4
calibrate = true
most_error = 0.4
"""
TUNED = '[[rungs]]\nname = "tuned"\nmethod = "retrieve"\nwritten_questions = 6\n'


class Reader(FakeModel):
    """Says which valley the passages name for the town; every fifth town it does not know.

    Shown a passage alone, it writes the question that the passage answers.
    """

    def generate(self, batch, config):
        return [Completion(self._said(one[-1].content), Usage(1, 1)) for one in batch]

    def score_labels(self, batch, labels):
        """A passage is relevant when it is about the town."""
        return [LabelScores(self._relevance(one[-1].content), Usage(1, 1)) for one in batch]

    @staticmethod
    def _said(shown):
        if shown.endswith("Write the question that this text answers."):
            return f"In which valley does {shown.split()[0]} lie?"
        town = int(re.findall(r"does Tarn(\d+) lie", shown)[-1])
        there = re.search(rf"Tarn{town} lies in the valley of (\w+)", shown)
        return there[1] if there and town % 5 else "Nowhere"

    @staticmethod
    def _relevance(shown):
        asked = re.search(r"does (Tarn\d+) lie", shown)
        right = bool(asked) and f"{asked[1]} lies in" in shown
        return (0.0, -5.0) if right else (-5.0, 0.0)


class Models(FakeModels):
    """A reader that can be wrong; the embedder is a fake, or the one that comes with metier."""

    def __init__(self, embedders):
        super().__init__()
        self.embedders = embedders

    def language_model(self, name, *, adapter=None):
        return Reader(name=name)

    def embedder(self, name, *, adapter=None):
        return self.embedders.embedder(name, adapter=adapter)


@pytest.fixture
def towns(tmp_path, monkeypatch):
    rows = [
        {
            "id": f"town{n}",
            "title": f"Tarn{n}",
            "text": f"Tarn{n} lies in the valley of Vale{n * 7}. It was founded by a miller.\n\n"
            f"Its market is held on day {n % 7} of each week, and sells wool and salt.",
        }
        for n in range(120)
    ]
    asked = [
        {
            "asked": f"In which valley does Tarn{n} lie?",
            "answer": f"Vale{n * 7}",
            "about": f"town{n}",
        }
        for n in range(120)
    ]
    joined.write_rows(tmp_path / "towns.csv", rows)
    joined.write_rows(tmp_path / "asked.csv", asked)
    (tmp_path / "metier.toml").write_text(RECIPE + RUNG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "LocalModels", lambda **settings: Models(FakeModels()))
    return tmp_path


def release(folder=".", rung="retrieve"):
    """The one rung, of which 36 questions say too little for a verdict."""
    assert call("release", folder, "--rung", rung).code == 0


def test_a_rung_with_all_settings_goes_from_recipe_to_a_cited_answer(towns):
    done = call("run", "--json")
    assert done.code == 0, done.err
    (rung,) = json.loads(done.out)["ladder"]
    assert rung["rung"] == "retrieve"
    release()
    text = "In which valley does Tarn8 lie?"
    (told,) = json.loads(call("ask", ".", text, "--json").out)
    assert (told["text"], told["abstained"]) == ("Vale56", False)
    (support,) = told["grounding"]["supports"]
    cited = told["grounding"]["chunks"][support["chunks"][0]]
    assert cited["span"]["document"] == "town8"
    assert "Its market" in cited["text"]  # the section around the passage that was found
    assert support["confidence"] > 0.5
    (silent,) = json.loads(call("ask", ".", "In which valley does Tarn10 lie?", "--json").out)
    assert silent["abstained"]  # what it says is in no passage, and it knows that


def test_what_no_passage_supports_is_marked_for_whoever_asks(towns):
    (towns / "metier.toml").write_text(RECIPE + '\n[[rungs]]\nmethod = "retrieve"\nk = 2\n')
    assert call("run", "--json").code == 0
    release()
    question = "In which valley does Tarn10 lie?"
    assert call("ask", ".", question).out == "Nowhere (no source found)\n"
    (told,) = json.loads(call("ask", ".", question, "--json").out)
    (unsupported,) = told["groundingMetadata"]["unsupportedSegments"]
    assert unsupported["segment"]["text"] == "Nowhere"
    done = call("ask", ".", question, "In which valley does Tarn8 lie?", "--html", "page.html")
    assert done.code == 0
    page = (towns / "page.html").read_text("utf-8")
    assert '<mark class="unsupported" title="no source found">Nowhere</mark>' in page
    assert 'href="#answer-2-1"' in page and 'id="answer-2-1"' in page
    asked = AskTool(load(towns / ".metier/specialist", models=Models(FakeModels())))
    assert asked.call(ToolCall({"question": question})).text == "Nowhere (no source found)"


NAMED = """
[[rungs]]
method = "retrieve"
k = 2
name_columns = ["title"]
names = "names.csv"
releases = { v1 = 2020-01-01, "v2.0" = "2021-05" }
"""


def test_a_file_of_names_beside_the_recipe_counts_and_a_change_of_it_too(towns, monkeypatch):
    recipe = RECIPE.replace('title = "title"', 'entity = "title"')
    (towns / "metier.toml").write_text(recipe + NAMED)
    names = towns / "names.csv"
    names.write_text("alias,canonical\nWool Town,Tarn8\n", encoding="utf-8")
    monkeypatch.chdir(towns.parent)
    assert call("run", towns, "--json").code == 0
    release(towns)

    def documents(question):
        (told,) = json.loads(call("ask", towns, question, "--json").out)
        return [chunk["span"]["document"] for chunk in told["grounding"]["chunks"]]

    asked = "Wool Town is Tarn8: in which valley does Tarn8 lie?"
    assert documents(asked) == ["town8"]
    names.write_text("alias,canonical\nWool Town,Tarn9\n", encoding="utf-8")
    assert call("run", towns, "--json").code == 0
    release(towns)
    assert sorted(documents(asked)) == ["town8", "town9"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('names = "no.csv"', "rungs[1].names: there is no file "),
        ('releases = { v1 = "soon" }', "rungs[1].releases.v1: 'soon' is no date"),
        ("releases = 5", "releases: must be like its default {}"),
    ],
)
def test_names_and_releases_that_cannot_be_are_found_before_the_run(towns, setting, said):
    (towns / "metier.toml").write_text(f'{RECIPE}\n[[rungs]]\nmethod = "retrieve"\n{setting}\n')
    assert said in refused("recipe", "check")


@pytest.mark.models
def test_a_tuned_embedder_is_fitted_judged_and_asked_through_the_recipe(towns, monkeypatch):
    real = registry.LocalModels  # the fixture's; the embedder alone is the one of the package
    monkeypatch.undo()
    monkeypatch.chdir(towns)
    models = registry.LocalModels()
    assert real
    monkeypatch.setattr(registry, "LocalModels", lambda **settings: Models(models))
    (towns / "metier.toml").write_text(RECIPE + TUNED)
    done = call("run", "--json")
    assert done.code == 0, done.err
    (tuned,) = json.loads((towns / ".metier/report.json").read_text())["candidates"]
    assert tuned["trials"][0]["adapter"] in ("kept", "dropped")
    release(rung="tuned")
    (told,) = json.loads(call("ask", ".", "In which valley does Tarn8 lie?", "--json").out)
    assert told["grounding"]["chunks"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("calibrate = 3", "calibrate"),
        ("rerank_depth = 0", "rerank_depth"),
        ("parent_characters = -1", "parent_characters = -1"),
        ("most_errors = 0.1", "did you mean `most_error`"),
    ],
)
def test_settings_that_cannot_be_are_refused(towns, setting, said):
    (towns / "metier.toml").write_text(f'{RECIPE}\n[[rungs]]\nmethod = "retrieve"\n{setting}\n')
    assert said in refused("run")
