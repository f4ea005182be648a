"""``model: "auto"`` finds the specialist whose question it is, or leaves it to the generalist."""

import json

import httpx
import numpy as np
import openai
import pytest

from metier.errors import DataError
from metier.models import registry
from metier.models.engines.fake import FakeEmbedder, FakeModel, FakeModels
from metier.serving.catalogue.auto import ENTRY, Auto
from metier.serving.catalogue.entries import Catalogue, Entry
from metier.serving.catalogue.router import fit_router
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import Access, create_key
from metier.serving.gate.gateway import Gateway
from metier.serving.records.book import Book
from metier.serving.release.questions import read_questions
from metier.serving.start import ServeOptions, open_gateway
from tests.serving.server import serving

BIRDS = tuple(f"which bird has a {c} beak and a {d} wing" for c in "abcde" for d in "vwxyz")
SHIPS = tuple(f"how fast sails a ship with {c} masts and {d} decks" for c in "abcde" for d in "pqr")


def opened(folder, *entries, cache=None):
    batcher = Batcher()
    made = [
        Entry("generalist", "base", writer=PlainWriter(FakeModel(name="generalist"), batcher)),
        *(
            Entry(name, "adapter", tenant, PlainWriter(FakeModel(name=name), batcher), None, asked)
            for name, tenant, asked in entries
        ),
    ]
    catalogue = Catalogue(made)
    auto = Auto(
        catalogue,
        FakeEmbedder(256),
        batcher,
        generalist="generalist",
        cache=cache or folder / "routing",
    )
    book = Book(folder / "book")
    return Gateway(Catalogue([*made, ENTRY]), book, Access(book), batcher, auto=auto)


def ask(url, text, key="none", **options):
    client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="auto", messages=messages, **options)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("auto")
    with serving(opened(folder, ("birds", "", BIRDS), ("ships", "", SHIPS))) as url:
        yield url


def test_a_question_goes_to_the_specialist_it_is_for(url):
    for text, name in (
        ("which bird has a c beak and a k wing", "birds"),
        ("how fast sails a ship with z masts and a decks", "ships"),
    ):
        answer = ask(url, text)
        assert answer.model == answer.routing["model"] == name
        assert answer.routing["confidence"] >= answer.routing["threshold"]
        chunks = list(ask(url, text, stream=True))
        assert {chunk.model for chunk in chunks} == {name}
        assert chunks[0].routing == answer.routing


def test_what_is_nobodys_goes_to_the_generalist(url):
    answer = ask(url, "Translate good morning into French please")
    assert answer.model == "generalist" != answer.routing["nearest"]
    assert answer.routing["confidence"] < answer.routing["threshold"]


def test_a_bound_form_goes_to_the_generalist(url):
    answer = ask(url, "which bird has a c beak and a k wing", extra_body={"enum": ["a", "b"]})
    assert answer.model == "generalist" and "form" in answer.routing["because"]


def test_responses_are_routed_too_and_the_router_tells_what_it_promises(url):
    client = openai.OpenAI(base_url=url, api_key="none")
    made = client.responses.create(model="auto", input="which bird has a b beak and a w wing")
    assert made.model == "birds" and made.routing["probability"] > 0.5
    told = httpx.get(f"{url}/models/auto").json()
    assert told["routing"]["specialists"] == ["birds", "ships"]
    assert told["routing"]["held_out"]["kept"]["n"] == len(BIRDS) + len(SHIPS)
    with pytest.raises(openai.BadRequestError, match="chat/completions"):
        client.completions.create(model="auto", prompt="x")


def test_a_tenant_is_never_routed_to_anothers_specialist(tmp_path):
    gateway = opened(tmp_path, ("birds", "a", BIRDS), ("ships", "b", SHIPS))
    keys = {name: create_key(gateway.book, name, tenant=name) for name in ("a", "b", "c")}
    with serving(gateway) as url:
        assert ask(url, BIRDS[3], keys["a"]).model == "birds"
        assert ask(url, BIRDS[3], keys["b"]).model == "generalist"
        with pytest.raises(openai.NotFoundError):
            ask(url, BIRDS[3], keys["c"])


def test_tenants_specialists_of_one_name_are_told_apart(tmp_path):
    gateway = opened(tmp_path, ("ours", "a", BIRDS), ("ours", "b", SHIPS), ("ships", "", SHIPS))
    keys = {name: create_key(gateway.book, name, tenant=name) for name in ("a", "b", "c")}
    with serving(gateway) as url:
        assert ask(url, BIRDS[3], keys["a"]).model == "ours"
        assert ask(url, BIRDS[3], keys["b"]).model == "generalist"
        assert ask(url, SHIPS[3], keys["c"]).model == "ships"


def test_vectors_are_read_once_and_few_questions_are_refused(tmp_path, monkeypatch):
    opened(tmp_path, ("birds", "", BIRDS)).close()
    monkeypatch.setattr(FakeEmbedder, "embed", lambda self, texts: 1 / 0)
    opened(tmp_path, ("birds", "", BIRDS)).close()
    monkeypatch.undo()
    with pytest.raises(DataError, match="'ships' has 3 example questions"):
        opened(tmp_path, ("ships", "", SHIPS[:3]))
    with pytest.raises(DataError, match="auto needs example questions"):
        opened(tmp_path, ("ships", "", ()))


def test_a_release_carries_questions_of_its_training_rows_alone(finished):
    folder = finished[0] / ".metier"
    questions = read_questions(folder / "specialist")
    dataset = json.loads((folder / "report.json").read_text())["dataset"]
    assert set(questions) <= {row["input"][:2000] for row in dataset["train"]}
    assert not set(questions) & {row["input"][:2000] for row in dataset["test"]}
    assert len(questions) >= 10


def test_the_server_routes_among_its_releases_when_told_to(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "LocalModels", lambda **settings: FakeModels())
    options = ServeOptions(
        targets=(f"docs={finished[0]}",),
        auto=True,
        engine="transformers",
        book=tmp_path / "book",
    )
    gateway = open_gateway(options)
    asked = read_questions(finished[0] / ".metier" / "specialist")[0]
    with serving(gateway) as url:
        names = [model["id"] for model in httpx.get(f"{url}/models").json()["data"]]
        assert names == ["docs", options.base, options.embedder, "auto"]
        answer = ask(url, asked)
        assert answer.routing["nearest"] == "docs"
        assert ask(url, "Explain bread in one sentence.").model == options.base
    assert list((tmp_path / "routing").glob("*.npz"))


def test_the_threshold_sends_the_share_away_that_it_is_told_to():
    generator = np.random.default_rng(0)
    centres = np.eye(8)[:3]

    def near(centre, count):
        rows = centre + generator.normal(0, 0.2, (count, 8))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    questions = {"a": near(centres[0], 80), "b": near(centres[1], 80)}
    for lost in (0.05, 0.2):
        router = fit_router(questions, near(centres[2], 80), generalist="g", lost=lost)
        assert router.check.kept.value == pytest.approx(1 - lost, abs=0.01)
        fresh = [route.model for route in router.routes(near(centres[0], 400))]
        assert fresh.count("g") / 400 == pytest.approx(lost, abs=0.1)
        assert fresh.count("b") <= 4


def test_a_router_learns_of_models_that_come_and_go(tmp_path):
    gateway = opened(tmp_path, ("birds", "", BIRDS))
    known = list(gateway.catalogue)
    ships = Entry("ships", "adapter", questions=SHIPS)
    with pytest.raises(DataError, match="'generalist' is no model"):
        gateway.auto.learn([ships])
    gateway.auto.learn([*known, ships])
    assert gateway.auto.router("").specialists == ("birds", "ships")
    gateway.auto.learn(known)
    assert gateway.auto.router("").specialists == ("birds",)
    gateway.close()
