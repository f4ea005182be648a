"""An endpoint's faults are ridden out or told, never hidden."""

import json
import sys

import pytest

from metier.errors import DataError, EndpointError, UserError
from metier.models.engines.openai import OpenAIModel
from metier.types import GenerateConfig, Usage
from tests.models.conftest import ask
from tests.models.server import reply, scripted

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
GOOD = (200, reply("Paris", usage=USAGE), {})


@pytest.fixture
def upstream(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")

    def start(answers, **settings):
        app = scripted(answers)
        return app.state.seen, OpenAIModel("m", base_url=serve(app), **settings)

    return start


def test_a_busy_endpoint_is_asked_again_after_the_time_it_names(upstream):
    busy = {"error": {"message": "slow down"}}
    seen, model = upstream([(429, busy, {"retry-after-ms": "5"}), (503, busy, {}), GOOD])
    done = model.generate([ask("Capital of France?")], GenerateConfig())[0]
    assert done.text == "Paris"
    assert done.usage.prompt_tokens == 5
    assert len(seen) == 3


def test_an_endpoint_that_stays_away_is_named(upstream):
    seen, model = upstream([(503, {}, {"retry-after-ms": "1"})], retries=2)
    with pytest.raises(EndpointError, match=r"openai:m@http.* answered 503"):
        model.generate([ask("hello")], GenerateConfig())
    assert len(seen) == 3


def test_a_refused_key_is_not_tried_again(upstream):
    seen, model = upstream([(401, {"error": {"message": "bad key"}}, {})])
    with pytest.raises(EndpointError, match="OPENAI_API_KEY"):
        model.generate([ask("hello")], GenerateConfig())
    assert len(seen) == 1


def test_nobody_listening_is_told():
    model = OpenAIModel("m", base_url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(EndpointError, match="is it running"):
        model.generate([ask("hello")], GenerateConfig())


JSON, HTML = {"content-type": "application/json"}, {"content-type": "text/html"}
NO_ANSWERS = {
    "a page": ("<html>hello</html>", HTML),
    "cut": ('{"choices": [', JSON),
    "empty": ("", JSON),
    "null": ("null", JSON),
    "a list": ("[]", JSON),
    "choices by name": ('{"choices": {"first": 1}}', JSON),
    "depth without end": ("[" * 100_000, JSON),
    "no choices": ('{"choices": []}', JSON),
    "no message": ('{"choices": [{"index": 0, "finish_reason": "stop"}]}', JSON),
}


@pytest.mark.parametrize(("body", "headers"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_told_and_costs_no_other_answer(upstream, body, headers):
    _, model = upstream([(200, body, headers), GOOD], concurrency=1)
    asked = [ask("one"), ask("two")]
    done = dict(model.generate_each(asked, GenerateConfig()))
    assert isinstance(done[0], EndpointError) and "openai:m@http" in str(done[0])
    assert done[1].text == "Paris"
    _, model = upstream([(200, body, headers)])
    with pytest.raises(EndpointError, match="sent"):
        model.generate([ask("one")], GenerateConfig())
    with pytest.raises(EndpointError, match="sent no piece"):
        list(model.stream(ask("one"), GenerateConfig()))


EVENTS = {"content-type": "text/event-stream"}


def streamed(*choices):
    return "".join(f"data: {json.dumps({'choices': [one]})}\n\n" for one in choices)


@pytest.mark.parametrize(
    "rest", ["", 'data: {"id": ', streamed(None), streamed({"delta": {"content": 5}})]
)
def test_a_stream_that_breaks_off_is_no_answer(upstream, rest):
    begun = streamed({"delta": {"content": "Par"}, "finish_reason": None})
    _, model = upstream([(200, begun + rest, EVENTS)])
    heard = []
    with pytest.raises(EndpointError, match="openai:m@http"):
        heard.extend(model.stream(ask("Capital of France?"), GenerateConfig()))
    end = streamed({"delta": {"content": "is"}}, {"delta": {}, "finish_reason": "stop"})
    _, model = upstream([(200, begun + end, EVENTS)])
    assert "".join(model.stream(ask("Capital of France?"), GenerateConfig())) == "Paris"


@pytest.mark.parametrize("usage", [5, [], "none", {"prompt_tokens": "many"}])
def test_what_cannot_be_read_of_tokens_costs_no_answer(upstream, usage):
    _, model = upstream([(200, reply("Paris", usage=usage), {})])
    done = model.generate([ask("one")], GenerateConfig())[0]
    assert (done.text, done.usage) == ("Paris", Usage())


def test_tokens_that_are_not_told_are_what_is_left_of_the_total(upstream):
    for usage, written in (
        ({"prompt_tokens": 3, "total_tokens": 5}, 2),
        ({"prompt_tokens": 3, "total_tokens": None}, 0),
        ({}, 0),
    ):
        _, model = upstream([(200, reply("ok", usage=usage), {})])
        done = model.generate([ask("one")], GenerateConfig())[0]
        assert done.usage == Usage(usage.get("prompt_tokens", 0), written)


def test_the_client_is_enough(upstream, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    _, model = upstream([GOOD])
    assert model.generate([ask("one")], GenerateConfig())[0].text == "Paris"


def test_what_is_no_schema_is_refused_before_anything_is_paid(upstream):
    seen, model = upstream([GOOD])
    schema = {"type": "object", "properties": {"a": {"type": "strng"}}}
    with pytest.raises(DataError, match="'strng' is not valid"):
        model.generate([ask("one")], GenerateConfig(json_schema=schema))
    assert not seen


def test_prose_instead_of_a_choice_is_repaired_once(upstream):
    prose = (200, reply("I think it is red.", usage=USAGE), {})
    right = (200, reply(json.dumps({"answer": "red"}), usage=USAGE), {})
    seen, model = upstream([prose, right])
    done = model.generate([ask("Colour?")], GenerateConfig(choices=("red", "blue")))[0]
    assert done.text == "red"
    assert done.usage.prompt_tokens == 10
    assert "exactly one of: red, blue" in seen[1]["messages"][-1]["content"]
    assert seen[0]["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"]


def test_what_stays_outside_the_choices_is_returned_as_it_came(upstream):
    seen, model = upstream([(200, reply("green", usage=USAGE), {})])
    done = model.generate([ask("Colour?")], GenerateConfig(choices=("red", "blue")))[0]
    assert done.text == "green"
    assert len(seen) == 2


def test_a_choice_in_json_without_end_is_returned_as_it_came(upstream):
    _, model = upstream([(200, reply("[" * 100_000), {})])
    done = model.generate([ask("hello")], GenerateConfig(choices=("a", "b")))[0]
    assert done.text.startswith("[[[")


@pytest.mark.parametrize("first", ["red", "I think it is red."])
def test_vllm_binds_an_enum_over_its_own_tokens_and_in_json_where_it_cannot(serve, first):
    right = (200, reply(json.dumps({"answer": "red"}), usage=USAGE), {})
    app = scripted([(200, reply(first, usage=USAGE), {}), right])
    app.get("/v1/models")(lambda: {"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]})
    model = OpenAIModel("m", base_url=serve(app))
    done = model.generate([ask("Colour?")], GenerateConfig(choices=("red", "blue")))[0]
    assert done.text == "red"
    bound, *again = app.state.seen
    assert bound["structured_outputs"] == {"choice": ["red", "blue"]}
    assert "response_format" not in bound
    assert [("response_format" in one) for one in again] == [True] * (first != "red")


def test_json_that_breaks_its_schema_is_repaired(upstream):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answers = [(200, reply(text, usage=USAGE), {}) for text in ('{"n": "x"}', '{"n": 1}')]
    seen, model = upstream(answers)
    done = model.generate([ask("n?")], GenerateConfig(json_schema=schema))[0]
    assert json.loads(done.text) == {"n": 1}
    assert len(seen) == 2


def test_no_log_probabilities_is_told_with_a_way_out(upstream):
    _, model = upstream([GOOD])
    with pytest.raises(EndpointError, match="no log probabilities"):
        model.score_labels([ask("Colour?")], ["red", "blue"])


def test_answers_keep_the_order_of_the_batch(upstream):
    _, model = upstream([GOOD])
    assert len(model.generate([ask(str(place)) for place in range(20)], GenerateConfig())) == 20


def test_names_are_read(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    name = "openai:org/model@http://localhost:8000/v1"
    assert OpenAIModel.named(name).name == name
    assert OpenAIModel.named("openai:gpt-x").name == "openai:gpt-x"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UserError, match="set OPENAI_API_KEY"):
        OpenAIModel.named("openai:gpt-x")
