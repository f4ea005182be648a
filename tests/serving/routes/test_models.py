"""Models that are added and removed while the server runs."""

import openai
import pytest
from benchmarks.serve_throughput import write_adapter

from metier.errors import DataError
from metier.models import registry
from metier.models.engines.fake import FakeModels
from metier.serving.gate.access import create_key
from metier.serving.start import ServeOptions, open_gateway
from tests.serving.server import fake_gateway, serving
from tests.tools.released import write_release


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "LocalModels", lambda **settings: FakeModels())
    book = tmp_path / "book"
    return open_gateway(ServeOptions(("fake",), "fake", book=book, engine="transformers"))


def client(url, gateway, *scopes, tenant=""):
    key = create_key(gateway.book, "one", tenant=tenant, scopes=(*scopes, "ask"))
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0)


def add(operator, id, place, **more):
    return operator.post("/models", body={"id": id, "place": str(place), **more}, cast_to=object)


def ask(asking, model, **options):
    messages = [{"role": "user", "content": "Who is king of Belmar?"}]
    return asking.chat.completions.create(model=model, messages=messages, **options)


def test_a_release_comes_and_goes_while_the_server_runs(gateway, tmp_path):
    place = write_release(tmp_path / "release")
    with serving(gateway) as url:
        operator = client(url, gateway, "operator")
        with pytest.raises(openai.NotFoundError):
            ask(operator, "law")
        assert add(operator, "law", place)["kind"] == "specialist"
        assert ask(operator, "law").choices[0].message.content
        assert operator.models.retrieve("law").id == "law"
        with pytest.raises(openai.ConflictError, match="'law' already"):
            add(operator, "law", place)
        gone = operator.models.delete("law")
        assert gone.deleted and gone.id == "law"
        with pytest.raises(openai.NotFoundError):
            ask(operator, "law")
        with pytest.raises(openai.NotFoundError):
            operator.models.delete("law")
        said = [(row["action"], row["subject"]) for row in gateway.book.rows("SELECT * FROM audit")]
    assert said[-2:] == [("add model", f"law = {place}"), ("remove model", "law")]


def test_what_cannot_be_loaded_changes_nothing_and_says_why(gateway, tmp_path):
    (tmp_path / "metier.toml").write_text("")
    with serving(gateway) as url:
        operator = client(url, gateway, "operator")
        before = [model.id for model in operator.models.list()]
        with pytest.raises(openai.BadRequestError, match="has no released specialist yet"):
            add(operator, "law", tmp_path)
        with pytest.raises(openai.BadRequestError, match="id"):
            add(operator, "../law", tmp_path)
        assert [model.id for model in operator.models.list()] == before


def test_what_a_specialist_stands_on_stays(gateway, tmp_path):
    place = write_release(tmp_path / "release")
    with serving(gateway) as url:
        operator = client(url, gateway, "operator")
        before = {model.id for model in operator.models.list()}
        add(operator, "law", place)
        for base in {model.id for model in operator.models.list()} - before - {"law"}:
            with pytest.raises(openai.ConflictError, match="'law' stands on"):
                operator.models.delete(base)


def test_a_model_of_a_tenant_is_nobody_elses(gateway):
    with serving(gateway) as url:
        add(client(url, gateway, "operator"), "theirs", "fake2", tenant="a")
        assert ask(client(url, gateway, tenant="a"), "theirs").choices
        with pytest.raises(openai.NotFoundError):
            ask(client(url, gateway, tenant="b"), "theirs")


def test_two_tenants_have_models_of_one_name(gateway):
    with serving(gateway) as url:
        operator = client(url, gateway, "operator")
        for tenant in ("a", "b"):
            add(operator, "law", f"law-of-{tenant}", tenant=tenant)
        with pytest.raises(openai.ConflictError, match="'law' already"):
            add(operator, "law", "another", tenant="a")
        said = [ask(client(url, gateway, tenant=tenant), "law") for tenant in ("a", "b")]
        assert said[0].choices and said[1].choices
        with pytest.raises(openai.NotFoundError):
            ask(operator, "law")
        with pytest.raises(openai.ConflictError, match=r"'a', 'b'; name one with \?tenant="):
            operator.models.delete("law")
        operator.models.delete("law", extra_query={"tenant": "a"})
        assert [entry.tenant for entry in gateway.catalogue if entry.name == "law"] == ["b"]


def test_only_a_key_made_for_it_changes_models(gateway, tmp_path):
    with serving(gateway) as url:
        nobody = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        for change in (lambda: add(nobody, "x", "fake"), lambda: nobody.models.delete("fake")):
            with pytest.raises(openai.PermissionDeniedError, match="--scope operator"):
                change()
        usual = openai.OpenAI(base_url=url, api_key=create_key(gateway.book, "two"), max_retries=0)
        with pytest.raises(openai.PermissionDeniedError, match="--scope operator"):
            add(usual, "x", "fake")
    with pytest.raises(DataError, match="no tenant's"):
        create_key(gateway.book, "three", tenant="a", scopes=("operator",))


def test_a_server_without_changes_says_so(tmp_path):
    gateway = fake_gateway(tmp_path)
    with serving(gateway) as url, pytest.raises(openai.NotFoundError, match="do not change"):
        add(client(url, gateway, "operator"), "x", "fake")


@pytest.mark.models
def test_another_adapter_in_the_same_folder_is_another_model(embedded, tmp_path):
    folder = tmp_path / "law"
    found = []
    with embedded.client.with_options(
        api_key=create_key(embedded.gateway.book, "one", scopes=("ask", "operator"))
    ) as operator:
        for seed in (1, 2):
            write_adapter(folder, seed=seed)
            add(operator, "law", folder)
            messages = [{"role": "user", "content": "The sea is deep and the land is wide. " * 9}]
            made = operator.chat.completions.create(
                model="law", messages=messages, max_tokens=1, logprobs=True
            )
            found.append(made.choices[0].logprobs.content[0].logprob)
            operator.models.delete("law")
        with pytest.raises(openai.BadRequestError, match="adapter"):
            (folder / "adapter_model.safetensors").unlink()
            add(operator, "law", folder)
    assert found[0] != found[1]
