"""Nothing that a person wrote reaches the log with personal data in it, wherever it stands."""

import json

import httpx
import openai
import pytest

from metier.serving.records.redaction import redacted
from tests.serving.server import fake_gateway, serving

PHONE, CARD, MAIL = "+41 44 668 18 00", "4111 1111 1111 1111", "joe@example.org"
TEXT = f"Call:\n{PHONE}\n{CARD} or {MAIL}"
CLEAN = "Call:\n[phone]\n[card] or [email]"


@pytest.fixture
def gateway(tmp_path):
    return fake_gateway(tmp_path, keep_texts=True)


def kept(gateway):
    rows = gateway.book.rows("SELECT asked, answered, body FROM requests")
    return "\n".join(str(text) for row in rows for text in row.values())


def bodies():
    """Requests with personal data in every place where a person can write some."""
    schema = {"type": "object", "description": TEXT, "properties": {"a": {"const": TEXT}}}
    function = {"name": "f", "description": TEXT, "parameters": schema}
    call = {"id": "c", "function": {"name": "f", "arguments": json.dumps({"name": TEXT})}}
    asked = {"role": "user", "content": TEXT}
    yield "chat/completions", {"messages": [asked], "user": MAIL, "stop": [MAIL]}
    yield (
        "chat/completions",
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", **part}]}
                for part in ({"text": TEXT}, {"text": TEXT})
            ]
        },
    )
    yield "chat/completions", {"messages": [{"role": "assistant", "tool_calls": [call]}, asked]}
    tool = {"type": "function", "function": function}
    yield "chat/completions", {"messages": [asked], "tools": [tool], "tool_choice": "required"}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    yield "chat/completions", {"messages": [asked], "response_format": form}
    yield "chat/completions", {"messages": [asked], "enum": [TEXT, "no"]}
    greet = {"id": "greet", "variables": {"name": TEXT}}
    yield "chat/completions", {"prompt": greet}
    yield "responses", {"input": TEXT, "instructions": TEXT, "prompt": greet}
    yield "responses", {"input": "?", "tools": [{"type": "function", **function}]}
    yield "completions", {"prompt": [TEXT, TEXT], "stop": MAIL, "user": MAIL}


@pytest.mark.parametrize("route, body", list(bodies()))
def test_no_part_of_a_request_keeps_personal_data(gateway, route, body):
    with serving(gateway) as url:
        greet = {"name": "greet", "messages": [{"role": "user", "content": "Hello {{name}}"}]}
        httpx.post(f"{url}/prompts", json=greet).raise_for_status()
        made = httpx.post(f"{url}/{route}", json={"model": "fake", **body})
        assert made.status_code == 200
        again = httpx.post(f"{url}/history/{made.json()['id']}/run", json={})
        assert again.status_code == 200
        text = kept(gateway)
    assert "[email]" in text
    assert not [one for one in (PHONE, CARD, MAIL) if one in text]


def test_what_was_asked_is_kept_as_it_reads_and_found_by_every_word(gateway):
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        asked = [{"role": "user", "content": 'Please see:\nzebra "facts"'}]
        client.chat.completions.create(model="fake", messages=asked)
        client.responses.create(model="fake", input="Please see:\nzebra facts")
        for word in ("zebra", "facts"):
            rows = httpx.get(f"{url}/history", params={"search": word}).json()["data"]
            assert [row["asked"] for row in rows][1] == 'Please see:\nzebra "facts"'


def test_settings_stay_as_they_are(gateway):
    with serving(gateway) as url:
        called = {"id": CARD, "function": {"name": "f", "arguments": "{}"}}
        turns = [
            {"role": "assistant", "tool_calls": [called]},
            {"role": "tool", "content": TEXT, "tool_call_id": CARD},
        ]
        made = httpx.post(f"{url}/chat/completions", json={"model": "fake", "messages": turns})
        body = httpx.get(f"{url}/history/{made.json()['id']}").json()["body"]
    assert body["messages"][0]["tool_calls"][0]["id"] == CARD
    assert body["messages"][1]["content"] == CLEAN and body["messages"][1]["tool_call_id"] == CARD


def test_json_is_read_in_its_strings():
    assert redacted(json.dumps({"a": [TEXT], "name": MAIL})) == json.dumps(
        {"a": [CLEAN], "name": "[email]"}
    )
    assert redacted('{"a": 4111111111111111}') == '{"a": [card]}'
    assert redacted("[no JSON joe@example.org") == "[no JSON [email]"
    assert redacted('{"b":  "as it came"}') == '{"b":  "as it came"}'
    assert redacted("[" * 100_000) == "[" * 100_000
