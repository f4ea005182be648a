"""Tenants and days from the recipe to the command line: measured, and asked."""

import json

import pytest

from metier.models import registry
from metier.models.engines.fake import FakeModel, FakeModels
from metier.types import Completion, Usage
from tests import joined
from tests.cli.console import call, refused

RECIPE = """name = "prices"
seed = 1

[cleaning]
exact_duplicates = false
near_duplicates = 0

[[sources]]
kind = "table"
path = "acme.csv"
id = "id"
tenant = "acme"

[[sources]]
kind = "table"
path = "prices.csv"
id = "id"
entity = "about"
valid_from = "since"

[questions]
path = "asked.csv"
question = "asked"
answer = "answer"
document = "about"

[task]
kind = "short_answer"
instruction = "Answer."

[retention]
suites = []

[[rungs]]
"""


class Reader(FakeModel):
    """Reads the price of the thing asked about, where a passage shown has it."""

    def generate(self, batch, config):
        return [Completion(self._said(one[-1].content), Usage(1, 1)) for one in batch]

    def _said(self, shown):
        thing = shown.rpartition("cost of ")[2].rstrip("?")
        sentence = shown.partition(f"The cost of {thing} is ")[2]
        return sentence.partition(".")[0] or "Unknown"


class Models(FakeModels):
    def language_model(self, name, *, adapter=None):
        return Reader(name=name)


@pytest.fixture(params=['method = "retrieve"\nk = 30', 'method = "long_context"'])
def prices(request, tmp_path, monkeypatch):
    own = [{"id": f"a{n}", "text": f"The cost of ware{n} is {n}00."} for n in range(20)]
    held = [
        {"id": "w1", "about": "wool", "since": "2010-01-01", "text": "The cost of wool is 3."},
        {"id": "w2", "about": "wool", "since": "2020-01-01", "text": "The cost of wool is 5."},
    ]
    asked = [
        {"asked": f"What is the cost of ware{n}?", "answer": f"{n}00", "about": f"a{n}"}
        for n in range(20)
    ]
    for name, rows in (("acme", own), ("prices", held), ("asked", asked)):
        joined.write_rows(tmp_path / f"{name}.csv", rows)
    (tmp_path / "metier.toml").write_text(RECIPE + request.param)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "LocalModels", lambda **settings: Models())
    assert call("run", "--json").code == 0
    rung = request.param.split('"')[1]  # alone, and asked four questions: no verdict releases it
    assert call("release", "--rung", rung).code == 0
    return tmp_path


def said(question, *options):
    (told,) = json.loads(
        call("ask", ".", f"What is the cost of {question}?", "--json", *options).out
    )
    return told["text"]


def test_tenants_are_measured_and_asked_apart_and_days_too(prices):
    (card,) = json.loads((prices / ".metier/report.json").read_text())["scorecards"]
    assert all(item["answer"]["text"] == item["target"] for item in card["items"])
    assert said("ware7", "--tenant", "acme") == "700"
    assert said("ware7") == "Unknown"
    assert said("wool") == "5"
    assert said("wool", "--as-of", "2015-06-01") == "3"
    assert said("wool", "--as-of", "1990-01-01") == "Nothing was found that held on 1990-01-01."
    assert "'soon' is no date" in refused("ask", ".", "Wool?", "--as-of", "soon")
