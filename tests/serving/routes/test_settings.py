"""What a client sets reaches the engine, whatever the route; and it is asked again when busy."""

import json

import httpx
import openai
import pytest

from metier.models.engines.fake import FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import create_key
from tests.serving.server import fake_gateway, serving

ASKED = [{"role": "user", "content": "Who?"}]
JSON = "application/json"
DRAWN = {"temperature": 0.5, "top_p": 0.25, "seed": 9, "extra_body": {"top_k": 3}}


class Noting(FakeModel):
    """Keeps the settings that it was asked with."""

    def __init__(self):
        super().__init__()
        self.configs = []

    def generate(self, batch, config):
        self.configs.append(config)
        return super().generate(batch, config)

    def stream(self, conversation, config):
        self.configs.append(config)
        return super().stream(conversation, config)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["chat", "completions", "responses"])
def test_settings_for_drawing_reach_the_engine(tmp_path, route, stream):
    model = Noting()

    def entry(batcher):
        return Entry("noting", "base", writer=PlainWriter(model, batcher))

    with serving(fake_gateway(tmp_path, entries=[entry])) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        if route == "responses":
            more = {**DRAWN, "extra_body": {"top_k": 3, "seed": DRAWN["seed"]}}
            del more["seed"]
            made = client.responses.create(model="noting", input="Who?", stream=stream, **more)
        elif route == "chat":
            create = client.chat.completions.create
            made = create(model="noting", messages=ASKED, stream=stream, **DRAWN)
        else:
            create = client.completions.create
            made = create(model="noting", prompt="Who?", stream=stream, **DRAWN)
        assert list(made)
    config = model.configs[0]
    assert (config.temperature, config.top_p, config.top_k, config.seed) == (0.5, 0.25, 3, 9)


def test_the_official_client_waits_as_long_as_it_is_told_and_is_answered(tmp_path):
    gateway = fake_gateway(tmp_path)
    key = create_key(gateway.book, "one", per_minute=20)
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key=key, max_retries=2)
        once = client.with_options(max_retries=0).chat.completions.create
        with pytest.raises(openai.RateLimitError) as refused:
            while True:
                once(model="fake", messages=ASKED)
        assert 1 <= int(refused.value.response.headers["retry-after"]) <= 4
        made = client.chat.completions.with_raw_response.create(model="fake", messages=ASKED)
        assert made.parse().choices and made.retries_taken >= 1
        assert [row["status"] for row in gateway.book.history("")[:2]] == [200, 429]


HALF = "\ud800"
"""Half of a character, as JSON can escape it."""
NAMED = {"type": "function", "function": {"name": "f", "parameters": {"const": HALF}}}
HALVES = [
    ("chat/completions", {"prompt": {"id": "p", "variables": {"who": HALF}}}),
    ("chat/completions", {"prompt": {"id": "p", "variables": {HALF: "Ann"}}}),
    ("chat/completions", {"messages": ASKED, "tools": [NAMED], "tool_choice": "required"}),
    (
        "chat/completions",
        {
            "messages": ASKED,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "s", "schema": {"properties": {HALF: {}}}},
            },
        },
    ),
    (
        "chat/completions",
        {
            "messages": ASKED,
            "plan": {"nodes": [{"id": "a", "kind": "retrieve", "settings": {"query": [HALF]}}]},
        },
    ),
    ("responses", {"input": "Who?", "prompt": {"id": "p", "variables": {"who": HALF}}}),
]


@pytest.mark.parametrize("route, body", HALVES)
def test_half_a_character_is_refused_wherever_it_stands(tmp_path, route, body):
    with serving(fake_gateway(tmp_path)) as url:
        sent = json.dumps({"model": "fake", **body})
        answer = httpx.post(f"{url}/{route}", content=sent, headers={"content-type": JSON})
    assert answer.status_code == 400
    assert "half of a surrogate pair" in answer.json()["error"]["message"]


def test_a_response_that_makes_too_long_a_conversation_is_refused(tmp_path):
    body = {"model": "fake", "instructions": "Be brief.", "input": ASKED * 2048}
    with serving(fake_gateway(tmp_path, keep_texts=True)) as url:
        answer = httpx.post(f"{url}/responses", json=body)
        assert answer.status_code == 400 and "2048" in answer.json()["error"]["message"]


UNOFFERED = [
    ("responses", {"input": "Who?", "conversation": "conv_1"}),
    ("responses", {"input": "Who?", "conversation": {"id": "conv_1"}}),
    ("chat/completions", {"messages": ASKED, "functions": [{"name": "f"}]}),
    ("chat/completions", {"messages": ASKED, "function_call": {"name": "f"}}),
    ("completions", {"prompt": "Who?", "suffix": "end"}),
]


@pytest.mark.parametrize("route, body", UNOFFERED)
def test_what_would_change_the_answer_and_is_not_offered_is_refused_by_name(tmp_path, route, body):
    with serving(fake_gateway(tmp_path)) as url:
        answer = httpx.post(f"{url}/{route}", json={"model": "fake", **body})
        name = list(body)[-1]
        neutral = httpx.post(f"{url}/{route}", json={"model": "fake", **body, name: None})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(name)
    assert neutral.status_code == 200


@pytest.mark.parametrize(
    ("route", "sent", "said"),
    [
        ("embeddings", {"input": []}, "input: List should have at least 1 item"),
        ("embeddings", {"input": ["a", None]}, "input.1: Input should be a valid string"),
        ("responses", {"input": [{"role": "alien", "content": "x"}]}, "input.0.role: Input should"),
        ("responses", {"input": [{"type": "reasoning", "id": "x"}]}, "input.0.type: Input should"),
        ("chat/completions", {"messages": ASKED, "tools": [{"type": "web"}]}, "tools.0.type: "),
    ],
)
def test_a_fault_is_told_of_what_was_sent_and_by_its_own_names(tmp_path, route, sent, said):
    with serving(fake_gateway(tmp_path)) as url:
        refused = httpx.post(f"{url}/{route}", json={"model": "fake", **sent})
    error = refused.json()["error"]
    assert refused.status_code == 400
    assert error["message"].startswith(said)
    assert error["param"] == error["message"].partition(":")[0]
