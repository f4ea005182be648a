"""The official client, unchanged, against every route over real HTTP."""

import base64
import json
import struct

import httpx
import jsonschema
import openai
import pytest

from metier.models.engines.fake import FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from tests.serving.server import fake_gateway, serving

ASKED = [{"role": "user", "content": "Who?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    def acme(batcher):
        return Entry("acmes", "base", "acme", writer=PlainWriter(FakeModel(), batcher))

    replies = {"Who?": "amber basin cedar delta"}
    folder = tmp_path_factory.mktemp("gateway")
    return fake_gateway(folder, entries=[acme], replies=replies, keep_texts=True)


@pytest.fixture(scope="module")
def url(gateway):
    with serving(gateway) as url:
        yield url


@pytest.fixture(scope="module")
def client(url):
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0)


def chat(client, **options):
    return client.chat.completions.create(model="fake", messages=ASKED, **options)


def test_an_answer_has_text_usage_and_reason(client):
    answer = chat(client)
    assert answer.choices[0].message.content == "amber basin cedar delta"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens == 5
    assert answer._request_id.startswith("req_")


def test_a_stream_gives_the_same_text_and_ends_with_usage(client):
    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "amber basin cedar delta"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 5
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_limits_and_stops_are_kept(client):
    short = chat(client, max_tokens=2).choices[0]
    assert (short.message.content, short.finish_reason) == ("amber basin", "length")
    assert chat(client, stop=["cedar"]).choices[0].message.content == "amber basin "


def test_several_answers_differ_by_seed_and_repeat_with_it(client):
    def several(stream):
        asked = [{"role": "user", "content": "Invent."}]
        made = client.chat.completions.create(
            model="fake", messages=asked, n=3, temperature=1, seed=5, stream=stream
        )
        if not stream:
            return [choice.message.content for choice in made.choices]
        texts = ["", "", ""]
        for chunk in made:
            texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
        return texts

    assert len(set(several(False))) == 3
    assert several(False) == several(False) == several(True)


def test_an_answer_is_bound_to_an_enum(client):
    answer = chat(client, extra_body={"enum": ["yes", "no"]})
    assert answer.choices[0].message.content in ("yes", "no")


def test_an_answer_is_bound_to_a_schema(client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "count", "schema": schema}}
    jsonschema.validate(
        json.loads(chat(client, response_format=form).choices[0].message.content), schema
    )
    said = chat(client, response_format={"type": "json_object"}).choices[0].message.content
    assert isinstance(json.loads(said), dict)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "weather"}}]
)
def test_a_tool_is_called_with_arguments_of_its_schema(client, choice):
    answer = chat(client, tools=[WEATHER], tool_choice=choice).choices[0]
    assert answer.finish_reason == "tool_calls"
    call = answer.message.tool_calls[0]
    assert call.function.name == "weather"
    jsonschema.validate(json.loads(call.function.arguments), WEATHER["function"]["parameters"])
    chunks = list(chat(client, tools=[WEATHER], tool_choice=choice, stream=True))
    calls = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or []]
    assert [call.function.name for call in calls] == ["weather"]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_the_model_may_reply_where_tools_are_only_offered(client):
    answer = chat(client, tools=[WEATHER]).choices[0]
    assert answer.message.content and not answer.message.tool_calls


def test_a_tools_result_can_be_sent_back(client):
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turns = [
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    assert client.chat.completions.create(model="fake", messages=turns).choices


def test_plain_text_goes_on(client):
    made = client.completions.create(model="fake", prompt=["Who?", "Who?"], max_tokens=50)
    assert [choice.text for choice in made.choices] == ["amber basin cedar delta"] * 2
    stream = client.completions.create(model="fake", prompt="Who?", max_tokens=50, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "amber basin cedar delta"


def test_a_response_is_made_whole_and_streamed(client):
    made = client.responses.create(model="fake", input="Who?", instructions="Be short.")
    assert made.output_text == "amber basin cedar delta" and made.status == "completed"
    events = list(client.responses.create(model="fake", input="Who?", stream=True))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text == made.output_text
    cut = client.responses.create(model="fake", input="Who?", max_output_tokens=2)
    assert cut.status == "incomplete"


def test_vectors_come_as_numbers_and_as_base64(client, url):
    made = client.embeddings.create(model="vectors", input=["a b", "c"])  # base64 by itself
    assert len(made.data) == 2
    assert made.usage.prompt_tokens == made.usage.total_tokens == 3  # the fake's tokens are words
    assert sum(x * x for x in made.data[0].embedding) == pytest.approx(1, abs=1e-5)
    body = {"model": "vectors", "input": "a b", "dimensions": 8}
    plain = httpx.post(f"{url}/embeddings", json=body).json()["data"][0]["embedding"]
    packed = httpx.post(f"{url}/embeddings", json={**body, "encoding_format": "base64"}).json()
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert struct.unpack("<8f", raw) == pytest.approx(plain)


def test_models_are_listed_without_those_of_others(client):
    assert [model.id for model in client.models.list()] == ["fake", "vectors"]
    assert client.models.retrieve("fake").id == "fake"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("acmes")


@pytest.mark.parametrize(
    "body",
    [
        {"model": "fake", "messages": []},
        {"model": "fake", "messages": ASKED, "temperature": 3},
        {"model": "fake", "messages": ASKED, "max_tokens": 0},
        {"model": "vectors", "messages": ASKED},
        {"model": "fake", "messages": ASKED, "logprobs": True},
        {"model": "fake", "messages": ASKED, "tool_choice": "required"},
        {
            "model": "fake",
            "messages": ASKED,
            "enum": ["a"],
            "response_format": {"type": "json_object"},
        },
        {"model": "fake", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    ],
)
def test_what_cannot_be_done_is_refused_in_openais_shape(url, body):
    answer = httpx.post(f"{url}/chat/completions", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error" and error["message"]


@pytest.mark.parametrize("route", ["chat/completions", "completions"])
@pytest.mark.parametrize(
    ("name", "neutral", "other"),
    [
        ("frequency_penalty", 0, 0.5),
        ("presence_penalty", 0.0, -1),
        ("logit_bias", {}, {"50256": -100}),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(url, route, name, neutral, other):
    body = {"model": "fake", "messages": ASKED, "prompt": "Who?"}
    if route == "chat/completions":
        del body["prompt"]
    for value, status in ((neutral, 200), (None, 200), (other, 400)):
        answer = httpx.post(f"{url}/{route}", json={**body, name: value})
        assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == name
    assert answer.json()["error"]["message"] == f"{name}: is not offered here; leave it out"


@pytest.mark.parametrize("ids", [[1, 2, 3], [[1, 2], [3]]])
def test_numbers_of_tokens_are_refused_with_what_to_do(client, ids):
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False") as said:
        client.embeddings.create(model="vectors", input=ids)
    assert said.value.param == "input"
    with pytest.raises(openai.BadRequestError, match="takes texts, not token ids"):
        client.completions.create(model="fake", prompt=ids)


def test_errors_become_the_clients_own_exceptions(client, url):
    with pytest.raises(openai.NotFoundError, match="no model 'other'"):
        client.chat.completions.create(model="other", messages=ASKED)
    malformed = httpx.post(
        f"{url}/chat/completions", content=b"{", headers={"content-type": "application/json"}
    )
    assert malformed.status_code == 400 and "JSON" in malformed.json()["error"]["message"]
    assert httpx.post(f"{url}/embeddings", content=b"x" * (9 << 20)).status_code == 413
    assert httpx.get(f"{url}/nothing").json()["error"]["message"] == "Not Found"


def test_feedback_is_kept_beside_the_answer_it_is_about(client, url, gateway):
    response = chat(client).id
    given = {"response_id": response, "thumb": "down", "correction": "cedar", "comment": "no"}
    assert httpx.post(f"{url}/feedback", json=given).status_code == 200
    kept = gateway.book.feedback()[-1]
    assert (kept["thumb"], kept["correction"], kept["comment"]) == ("down", "cedar", "no")
    logged = gateway.book.request(kept["response"], "")
    assert logged["answered"] == "amber basin cedar delta"
    unknown = {**given, "response_id": "chatcmpl-none"}
    assert httpx.post(f"{url}/feedback", json=unknown).status_code == 404


def test_feedback_is_told_with_personal_data_replaced(client, url):
    comment = {"response_id": chat(client).id, "comment": "Ask joe@example.org instead."}
    httpx.post(f"{url}/feedback", json=comment)
    told = httpx.get(f"{url}/feedback").json()["data"][-1]
    assert told["comment"] == "Ask [email] instead."


def test_past_requests_are_found_with_personal_data_replaced(client, url):
    asked = [{"role": "user", "content": "Write to joe@example.org about zebras."}]
    client.chat.completions.create(model="fake", messages=asked)
    found = httpx.get(f"{url}/history", params={"search": "zebras"}).json()["data"]
    assert len(found) == 1
    assert "[email]" in found[0]["asked"] and "joe@" not in found[0]["asked"]


def test_health_and_metrics_are_told(client, url):
    root = url.removesuffix("/v1")
    chat(client)
    assert httpx.get(f"{root}/healthz").json()["status"] == "ok"
    assert (
        'metier_requests_total{model="fake",route="chat",status="200"}'
        in httpx.get(f"{root}/metrics").text
    )
