"""The Responses API: settings, functions and the server's tools, with the official client."""

import json

import openai
import pytest

from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from metier.serving.records.gallery import Gallery, Prompt
from tests.serving.server import fake_gateway, serving
from tests.tools.scripted import Scripted

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}
CALL = json.dumps({"name": "weather", "arguments": {"city": "Paris"}})
REPLY = json.dumps({"content": "It rains."})


class Streamed(Scripted):
    def stream(self, conversation, config):
        yield self.generate([conversation], config)[0].text


@pytest.fixture
def start(tmp_path):
    open_ones = []

    def begin(*texts):
        model = Streamed(*texts)

        def entry(batcher):
            return Entry("scripted", "base", writer=PlainWriter(model, batcher))

        gateway = fake_gateway(tmp_path, entries=[entry], keep_texts=True)
        open_ones.append(serving(gateway))
        url = open_ones[-1].__enter__()
        return openai.OpenAI(base_url=url, api_key="none", max_retries=0), model, gateway

    yield begin
    for manager in open_ones:
        manager.__exit__(None, None, None)


def ask(client, **options):
    return client.responses.create(model="scripted", **{"input": "Rain?", **options})


def test_settings_reach_the_engine(start):
    client, model, _ = start("yes")
    more = {"top_k": 3, "seed": 9, "enum": ["yes", "no"]}
    ask(client, temperature=0.5, top_p=0.25, extra_body=more)
    config = model.asked[0][1]
    assert (config.temperature, config.top_p, config.top_k, config.seed) == (0.5, 0.25, 3, 9)
    assert config.choices == ("yes", "no")


def test_a_function_is_called_and_its_result_sent_back(start):
    client, model, _ = start(CALL, REPLY)
    made = ask(client, tools=[WEATHER])
    call = made.output[0]
    assert (call.type, call.name, json.loads(call.arguments)) == (
        *("function_call", "weather"),
        {"city": "Paris"},
    )
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    turns = [{"role": "user", "content": "Rain?"}, call.model_dump(exclude_none=True), result]
    assert ask(client, input=turns, tools=[WEATHER]).output_text == "It rains."
    told = [message.content for message in model.asked[1][0]]
    assert '"city": "Paris"' in told[2] and "rain" in told[3]


@pytest.mark.parametrize(("said", "kind"), [(CALL, "function_call"), (REPLY, "message")])
def test_calls_and_replies_are_streamed(start, said, kind):
    client, _, _ = start(said)
    events = list(ask(client, tools=[WEATHER], stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert [item.type for item in events[-1].response.output] == [kind]
    arguments = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    texts = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert (list(map(json.loads, arguments)), texts) == (
        ([{"city": "Paris"}], []) if kind == "function_call" else ([], ["It rains."])
    )


def test_a_function_may_be_demanded_or_forbidden(start):
    client, model, _ = start(CALL, "Plain.")
    ask(client, tools=[WEATHER], tool_choice={"type": "function", "name": "weather"})
    assert model.asked[0][1].json_schema["properties"]["name"] == {"const": "weather"}
    assert ask(client, tools=[WEATHER], tool_choice="none").output_text == "Plain."
    with pytest.raises(openai.BadRequestError, match="offers no tools"):
        ask(client, tools=[{"type": "metier", "name": "python"}])
    with pytest.raises(openai.BadRequestError, match="tools"):
        ask(client, tools=[{"type": "web_search"}])


def test_a_prompts_labels_bind_a_response_too(start):
    client, model, gateway = start("yes")
    prompt = Prompt("p", 0, ({"role": "user", "content": "Rain?"},), ("yes", "no"))
    Gallery(gateway.book).add(prompt)
    client.responses.create(model="scripted", prompt={"id": "p"})
    assert model.asked[0][1].choices == ("yes", "no")
