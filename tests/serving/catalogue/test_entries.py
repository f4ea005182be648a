"""Names belong to tenants."""

from types import SimpleNamespace

import openai
import pytest

from metier.errors import DataError
from metier.models.engines.fake import FakeEmbedder, FakeModel
from metier.serving import start
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import create_key
from metier.serving.start import ServeOptions, open_gateway
from tests.serving.server import fake_gateway, serving
from tests.tools.released import write_release


def says(name, tenant, text):
    model = FakeModel({"Who?": text})
    return lambda batcher: Entry(name, "base", tenant, writer=PlainWriter(model, batcher))


def ask(url, key, model="law"):
    client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
    asked = [{"role": "user", "content": "Who?"}]
    answer = client.chat.completions.create(model=model, messages=asked)
    return answer.choices[0].message.content, [one.id for one in client.models.list()]


def test_a_tenants_own_model_hides_everybodys_of_that_name(tmp_path):
    entries = [says("law", "", "all"), says("law", "a", "a's"), says("law", "b", "b's")]
    gateway = fake_gateway(tmp_path, entries=entries)
    keys = {tenant: create_key(gateway.book, "one", tenant=tenant) for tenant in "abc"}
    with serving(gateway) as url:
        said = {tenant: ask(url, key) for tenant, key in keys.items()}
    names = ["fake", "vectors", "law"]
    assert said == {"a": ("a's", names), "b": ("b's", names), "c": ("all", names)}


@pytest.fixture
def opened(tmp_path, monkeypatch):
    models = SimpleNamespace(
        language_model=lambda name, adapter=None: FakeModel(name=name),
        embedder=lambda name: FakeEmbedder(name=name),
    )
    monkeypatch.setattr(start.registry, "LocalModels", lambda **settings: models)

    def begin(*targets, **options):
        book = tmp_path / "book.sqlite"
        return open_gateway(ServeOptions(targets, book=book, engine="transformers", **options))

    return begin


def test_two_tenants_specialists_of_one_name_share_the_base_below(opened, tmp_path):
    place = write_release(tmp_path / "release")
    gateway = opened(f"law@a={place}", f"law@b={place}", embedder=None)
    found = [(entry.name, entry.tenant, entry.kind) for entry in gateway.catalogue]
    gateway.close()
    assert found[:2] == [("law", "a", "specialist"), ("law", "b", "specialist")]
    assert [(tenant, kind) for _, tenant, kind in found[2:]] == [("", "base")]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (("law=x", "law=y"), "two models are called 'law'"),
        (("law@a=x", "law@a=y"), "two models of 'a' are called 'law'"),
    ],
)
def test_a_name_is_its_owners_once(opened, targets, said):
    with pytest.raises(DataError, match=said):
        opened(*targets, embedder=None)
