"""A server behind a model: its refusals, usage and cache, as the gateway's clients see them.

The server behind is a script, since these are details of the protocol and faults.
"""

import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

import openai
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from metier.serving.engines.remote import open_remote
from metier.serving.gate.access import create_key
from metier.serving.start import ServeOptions, open_gateway
from metier.types import GenerateConfig, Message
from tests.serving.server import serving

ASKED = [{"role": "user", "content": "Who?"}]
KEY = "sk-the-operators-own"
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "total_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 5},
}
LOGS = {"content": [{"token": "Ann", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}


@dataclass
class Behind:
    """An endpoint that answers as told, and what it was asked."""

    url: str = ""
    owner: str = "vllm"
    refusal: tuple[int, dict, dict] | None = None
    text: str = "Ann"
    finish: str = "stop"
    usage: dict | None = field(default_factory=lambda: USAGE)
    logs: dict | None = None
    seen: list[dict] = field(default_factory=list)

    def app(self):
        app = FastAPI()

        @app.get("/v1/models")
        def models():
            return {"object": "list", "data": [{"id": "m", "owned_by": self.owner}]}

        @app.post("/v1/chat/completions")
        async def complete(request: Request):
            asked = await request.json()
            self.seen.append(asked)
            if self.refusal is not None:
                status, body, headers = self.refusal
                return JSONResponse(body, status_code=status, headers=headers)
            if not asked.get("stream"):
                message = {"role": "assistant", "content": self.text}
                return self.reply("chat.completion", message=message, usage=self.usage)
            return StreamingResponse(self.events(asked), media_type="text/event-stream")

        return app

    def reply(self, kind, *, usage=None, finish=True, **said):
        finished = self.finish if finish else None
        choice = {"index": 0, **said, "finish_reason": finished, "logprobs": self.logs}
        envelope = {"id": "1", "object": kind, "created": 0, "model": "m", "usage": usage}
        return {**envelope, "choices": [choice]}

    def events(self, asked):
        kind = "chat.completion.chunk"
        for word in self.text.split(" "):
            yield event(self.reply(kind, delta={"content": word}, finish=False))
        yield event(self.reply(kind, delta={}))
        if self.usage and (asked.get("stream_options") or {}).get("include_usage"):
            yield event({**self.reply(kind, usage=self.usage), "choices": []})
        yield "data: [DONE]\n\n"


def event(chunk):
    return f"data: {json.dumps(chunk)}\n\n"


def refusing(status, headers=None, **error):
    return status, {"error": error}, headers or {}


@pytest.fixture
def behind(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    script = Behind()
    server = uvicorn.Server(uvicorn.Config(script.app(), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    script.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    yield script
    server.should_exit = True
    thread.join()


@pytest.fixture
def gateway(behind, tmp_path):
    base = f"openai:m@{behind.url}"
    options = ServeOptions((f"far={base}",), base=base, embedder=None, book=tmp_path / "book")
    return open_gateway(options)


@pytest.fixture
def client(gateway):
    with ExitStack() as stack:
        url = stack.enter_context(serving(gateway))
        yield openai.OpenAI(base_url=url, api_key="none", max_retries=0)


def ask(client, **more):
    return client.chat.completions.create(model="far", messages=ASKED, **more)


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_client_did_wrong_is_told_in_the_endpoints_words(behind, client, stream):
    words = {"message": "too long", "code": "context_length_exceeded", "param": "messages"}
    behind.refusal = refusing(400, **words)
    with pytest.raises(openai.BadRequestError, match="too long") as refused:
        ask(client, stream=stream)
    assert (refused.value.code, refused.value.param) == (words["code"], words["param"])
    assert len(behind.seen) == 1


def test_load_is_shed_at_once_and_the_endpoints_own_time_told(behind, client):
    behind.refusal = refusing(429, {"retry-after": "17"}, message="organization org-secret is busy")
    with pytest.raises(openai.RateLimitError) as refused:
        ask(client)
    assert refused.value.response.headers["retry-after"] == "17"
    assert "org-secret" not in str(refused.value)
    assert len(behind.seen) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_the_endpoint_refuses_is_the_operators_matter(behind, client, caplog, status):
    behind.refusal = refusing(status, message=f"Incorrect API key provided: {KEY}")
    with pytest.raises(openai.InternalServerError) as refused:
        ask(client)
    assert refused.value.status_code == 502
    assert KEY not in str(refused.value) and behind.url not in str(refused.value)
    assert f"answered {status}" in caplog.text and KEY not in caplog.text


def test_a_model_that_the_endpoint_does_not_know_is_not_found(behind, client):
    behind.refusal = refusing(404, message="no model /srv/secret/m")
    with pytest.raises(openai.NotFoundError) as refused:
        ask(client)
    assert refused.value.code == "model_not_found" and "/srv" not in str(refused.value)


def test_an_endpoint_that_fails_can_be_asked_again(behind, client):
    behind.refusal = refusing(500, message="EngineDeadError")
    with pytest.raises(openai.InternalServerError) as refused:
        ask(client)
    assert refused.value.status_code == 503 and refused.value.response.headers["retry-after"] == "5"
    assert "EngineDead" not in str(refused.value)


@pytest.mark.parametrize("stream", [False, True])
def test_usage_and_ending_are_the_endpoints_own(behind, client, stream):
    behind.finish = "length"
    if not stream:
        answer = ask(client)
        finish, usage = answer.choices[0].finish_reason, answer.usage
    else:
        chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
        finish, usage = chunks[-2].choices[0].finish_reason, chunks[-1].usage
    assert finish == "length"
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 3)


def test_what_a_stream_does_not_tell_is_counted(behind, client):
    behind.usage, behind.text = None, "Ann who wrote it"
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.prompt_tokens == 1 and chunks[-1].usage.completion_tokens == 4
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_vllm_keeps_the_cache_of_each_tenant_apart(behind, gateway, client):
    keys = [create_key(gateway.book, name, tenant=name) for name in ("acme", "acme", "bolt")]
    cached = []
    for key in keys:
        usage = ask(client.with_options(api_key=key)).usage
        cached.append(usage.prompt_tokens_details.cached_tokens)
    first, same, other = (asked["cache_salt"] for asked in behind.seen)
    assert first == same != other and "acme" not in first
    assert cached == [5, 5, 5]


def test_a_cache_that_nobody_keeps_apart_is_not_told_of(behind, client):
    behind.owner = "llamacpp"
    assert ask(client).usage.prompt_tokens_details.cached_tokens == 0
    assert "cache_salt" not in behind.seen[0]


def test_a_specialists_base_tells_nothing_of_its_cache(behind):
    model = open_remote(f"openai:m@{behind.url}")
    done = model.generate([(Message("user", "Who?"),)], GenerateConfig())[0]
    assert (done.usage.prompt_tokens, done.usage.cached_tokens) == (7, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_come_through(behind, client, stream):
    behind.logs = LOGS
    answer = ask(client, logprobs=True, top_logprobs=2, stream=stream)
    told = list(answer)[1] if stream else answer  # the first chunk says whose turn it is
    assert told.choices[0].logprobs.content[0].logprob == -0.5
    assert behind.seen[0]["logprobs"] is True and behind.seen[0]["top_logprobs"] == 2


def test_log_probabilities_of_a_streamed_completion_are_those_of_the_whole_one(behind, client):
    behind.logs = LOGS
    create = client.completions.create
    whole = create(model="far", prompt="Who?", logprobs=2).choices[0].logprobs
    told = [one.choices[0] for one in create(model="far", prompt="Who?", logprobs=2, stream=True)]
    assert told[0].logprobs.tokens == whole.tokens == ["Ann"]
    assert told[0].logprobs.token_logprobs == whole.token_logprobs == [-0.5]
    offsets = [offset for one in told if one.logprobs for offset in one.logprobs.text_offset]
    assert offsets == [3 * place for place in range(len(offsets))]


def test_log_probabilities_of_a_form_are_refused(client):
    with pytest.raises(openai.BadRequestError, match="given form"):
        ask(client, logprobs=True, extra_body={"enum": ["yes", "no"]})


def test_tools_are_asked_for_inside_an_object(behind, client):
    said = {"name": "find", "arguments": {"of": "Ann"}}
    behind.text = json.dumps({"answer": said})
    parameters = {
        "type": "object",
        "properties": {"of": {"type": "string"}},
        "required": ["of"],
        "additionalProperties": False,
    }
    function = {"name": "find", "parameters": parameters}
    answer = ask(client, tools=[{"type": "function", "function": function}])
    call = answer.choices[0].message.tool_calls[0].function
    assert (call.name, json.loads(call.arguments)) == ("find", {"of": "Ann"})
    form = behind.seen[0]["response_format"]["json_schema"]
    assert form["strict"] and form["schema"]["type"] == "object" and "anyOf" not in form["schema"]
    assert len(behind.seen) == 1
