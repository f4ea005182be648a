"""Over HTTP a specialist answers from the caller's documents, as of the day that it is asked."""

import httpx
import pytest

from metier import serial
from metier.methods.long_context import LongContext
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModel, FakeModels
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.gate.access import create_key
from metier.serving.release.ask_tool import AskTool
from metier.serving.release.specialist import RELEASE_FILE, load
from metier.types import Completion, Release, ToolCall, Usage
from tests.methods.test_retrieve import Documents, context, told
from tests.serving.server import fake_gateway, serving

CORPUS = Documents(
    told("ours", "The plan of the house is Heron.", tenant="acme"),
    told("all", "The plan of the house is no secret.", valid_from="2020-01-01"),
    told("old", "The plan was Wren.", valid_from="2010-01-01", valid_to="2020-01-01"),
)


QUESTION = {
    "chat/completions": {"messages": [{"role": "user", "content": "Which plan?"}]},
    "responses": {"input": "Which plan?"},
    "completions": {"prompt": "Which plan?"},
}


class Repeating(FakeModels):
    """Models whose language model repeats all that it is shown."""

    def language_model(self, name, *, adapter=None):
        class Repeats(FakeModel):
            def generate(self, batch, config):
                return [Completion(one[-1].content, Usage(1, 1)) for one in batch]

        return Repeats(name=name)


def specialist(made, folder):
    """A rung over the corpus, released where it was fitted."""
    models = Repeating()
    made.fit("rung", context(made, folder, models, corpus=CORPUS, settings={"unsupported": "keep"}))
    release = Release("rung", "openvino", "2026-01-01", {})
    (folder / RELEASE_FILE).write_text(serial.dump(release))
    return load(folder, models=models)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scoped")

    def entry(name, made):
        found = specialist(made, folder / name)
        return lambda batcher: Entry(name, "specialist", writer=SpecialistWriter(found, batcher))

    made = {"found": Retrieve(), "whole": LongContext()}
    return fake_gateway(folder, entries=[entry(*one) for one in made.items()])


@pytest.fixture(scope="module")
def ask(gateway):
    keys = {name: create_key(gateway.book, name, tenant=name) for name in ("", "acme", "beta")}
    with serving(gateway) as url:

        def post(model, caller, route="chat/completions", **more):
            body = {"model": model, **QUESTION[route]}
            head = {"authorization": f"Bearer {keys[caller]}"}
            return httpx.post(f"{url}/{route}", json={**body, **more}, headers=head, timeout=60)

        yield post


@pytest.mark.parametrize("model", ["found", "whole"])
def test_a_tenants_secret_reaches_its_own_key_alone(ask, model):
    assert "Heron" in ask(model, "acme").text
    for tenant in ("", "beta"):
        for more in ({}, {"tenant": "acme", "user": "acme"}, {"stream": True}):
            answer = ask(model, tenant, **more)
            assert answer.status_code == 200
            assert "no secret" in answer.text
            assert "Heron" not in answer.text


@pytest.mark.parametrize("route", QUESTION)
@pytest.mark.parametrize("model", ["found", "whole"])
def test_a_day_is_answered_from_what_held_on_it(ask, model, route):
    text = ask(model, "beta", route, as_of="2015-06-01").text
    assert "Wren" in text and "no secret" not in text
    assert "Wren" not in ask(model, "beta", route).text


@pytest.mark.parametrize("model", ["found", "whole"])
def test_a_day_before_everything_is_told(ask, model):
    message = ask(model, "beta", as_of="1990-01-01").json()["choices"][0]["message"]
    assert message["content"] == "Nothing was found that held on 1990-01-01."
    assert message["abstained"] is True


@pytest.mark.parametrize(
    ("model", "day", "said"),
    [
        ("found", "soon", "'soon' is no date"),
        ("found", "2023-02-31", "write it as 2023-04-25"),
        ("whole", "", "is no date"),
        ("fake", "2023-01-01", "answers from no documents"),
    ],
)
@pytest.mark.parametrize("route", QUESTION)
def test_a_day_that_cannot_be_is_refused(ask, model, day, said, route):
    answer = ask(model, "beta", route, as_of=day)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "as_of"


def test_the_tool_ask_answers_its_caller_from_its_own_documents(tmp_path):
    tool = AskTool(specialist(LongContext(), tmp_path))
    assert "Heron" in tool.call(ToolCall({"question": "Which plan?"}, tenant="acme")).text
    assert "Heron" not in tool.call(ToolCall({"question": "Which plan?"})).text
