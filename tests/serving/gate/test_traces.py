"""Traces: the spans of a request, and that a collector gets them over HTTP."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import httpx
import openai
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from metier.methods.grounded import GroundedAnswerer
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.gate.traces import ENDPOINTS, Tracing, open_tracing
from metier.types import Candidate, Task
from tests.serving.server import fake_gateway, serving

ASKED = [{"role": "user", "content": "Who?"}]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Empty:
    """A store in which nothing is found."""

    def search(self, questions, k=5, *, scope=None):
        return [[] for _ in questions]


def retrieving(batcher):
    task = Task("short_answer", "Answer.")
    settings = {**Retrieve.defaults, "unsupported": "keep"}
    candidate = Candidate("r", "retrieve", task, settings, "fake")
    answerer = GroundedAnswerer(FakeModel(), candidate, Empty(), [])
    writer = SpecialistWriter(
        SimpleNamespace(candidate=candidate, within=answerer.within, directory=None), batcher
    )
    return Entry("docs", "specialist", writer=writer)


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def url(tmp_path, spans):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracing = Tracing(provider.get_tracer("test"), provider.shutdown)
    gateway = fake_gateway(tmp_path, entries=[retrieving], tracing=tracing)
    with serving(gateway) as url:
        yield url


def by_name(spans, last="POST /v1/chat/completions"):
    """When the last of them has ended, which is after its answer was sent."""
    while True:  # the test's time-out would end it
        found = {span.name: span for span in spans.get_finished_spans()}
        if last in found:
            return found
        time.sleep(0.01)


def under(child, parent):
    return child.parent is not None and child.parent.span_id == parent.context.span_id


def test_a_request_is_traced_from_its_caller_to_the_model(url, spans):
    body = {"model": "fake", "messages": ASKED, "max_tokens": 4, "temperature": 0.5, "seed": 3}
    answer = httpx.post(f"{url}/chat/completions", json=body, headers={"traceparent": PARENT})
    found = by_name(spans)
    request, admit, chat = (
        found[name] for name in ("POST /v1/chat/completions", "admit", "chat fake")
    )
    assert f"{request.context.trace_id:032x}" == PARENT.split("-")[1]
    assert under(admit, request) and under(chat, request)
    assert request.attributes["http.response.status_code"] == 200
    told = dict(chat.attributes)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.request.max_tokens"] == 4 and told["gen_ai.request.seed"] == 3
    usage = answer.json()["usage"]
    assert told["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert told["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert told["gen_ai.response.finish_reasons"] == ("length",)
    assert answer.json()["id"].endswith(told["gen_ai.response.id"])
    assert not any(
        "Who?" in str(value) for span in found.values() for value in span.attributes.values()
    )


def test_a_specialists_retrieval_is_under_its_generation(url, spans):
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    client.chat.completions.create(model="docs", messages=ASKED)
    found = by_name(spans)
    assert under(found["retrieval"], found["chat docs"])
    assert found["retrieval"].attributes["gen_ai.operation.name"] == "retrieval"


def test_a_streams_span_ends_with_the_stream(url, spans):
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    options = {"model": "fake", "messages": ASKED, "stream": True, "max_tokens": 3}
    chunks = list(client.chat.completions.create(**options))
    assert len(chunks) > 2
    client.embeddings.create(model="vectors", input="x")
    found = by_name(spans)
    chat, request = found["chat fake"], found["POST /v1/chat/completions"]
    assert chat.attributes["gen_ai.request.stream"] is True
    assert chat.attributes["gen_ai.usage.output_tokens"] == 3
    assert under(chat, request) and request.end_time >= chat.end_time
    assert "embeddings vectors" in by_name(spans, "POST /v1/embeddings")


def test_what_fails_is_marked(url, spans, monkeypatch):
    monkeypatch.setattr(FakeModel, "generate", lambda self, batch, config: 1 / 0)
    body = {"model": "fake", "messages": ASKED}
    assert httpx.post(f"{url}/chat/completions", json=body).status_code == 500
    found = by_name(spans)
    assert found["chat fake"].attributes["error.type"] == "ZeroDivisionError"
    assert not found["POST /v1/chat/completions"].status.is_ok
    httpx.get(f"{url.removesuffix('/v1')}/healthz")
    assert not any("healthz" in name for name in by_name(spans))


@pytest.fixture
def collector():
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, ExportTraceServiceRequest.FromString(_plain(self, body))))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def _plain(handler, body):
    import gzip

    return gzip.decompress(body) if handler.headers.get("content-encoding") == "gzip" else body


@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_collector_gets_the_spans_over_http(tmp_path, collector, monkeypatch, by):
    endpoint, received = collector
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    if by == "environment":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "desk")
    tracing = open_tracing(endpoint if by == "flag" else None)
    with serving(fake_gateway(tmp_path, tracing=tracing)) as url:
        body = {"model": "fake", "messages": ASKED}
        assert httpx.post(f"{url}/chat/completions", json=body).status_code == 200
    assert {path for path, _ in received} == {"/v1/traces"}
    resources = [one for _, batch in received for one in batch.resource_spans]
    names = {span.name for one in resources for scope in one.scope_spans for span in scope.spans}
    assert names == {"POST /v1/chat/completions", "admit", "chat fake"}
    told = {pair.key: pair.value.string_value for pair in resources[0].resource.attributes}
    assert told["service.name"] == ("desk" if by == "environment" else "metier")


def test_nothing_is_traced_unless_asked(monkeypatch):
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert open_tracing() is None
