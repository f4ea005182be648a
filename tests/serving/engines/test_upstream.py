"""A server behind the gateway, kept alive: here metier itself, with fake models."""

import os
import signal
import socket
import sys
import time

import openai
import pytest

from metier.errors import DataError, EndpointError
from metier.serving.engines.upstream import Upstream
from metier.serving.start import ServeOptions, open_gateway
from tests import joined
from tests.serving.server import serving

ADAPTING = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(200 if self.known() else 401)
    def known(self):
        return sys.argv[2:] in ([], [self.headers["authorization"]])
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        there = self.known() and self.path == "/v1/load_lora_adapter"
        good = there and "bad" not in body["lora_name"]
        with open("loaded", "a") as log:
            log.write(body["lora_name"] + chr(10))
        self.reply(200 if good else 400)
    def reply(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(true):
    while not true():  # the test's time-out would end it
        time.sleep(0.05)


def test_answers_come_through_and_the_server_behind_is_started_again(tmp_path, port, monkeypatch):
    for name, value in joined.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    command = f"{sys.executable} {joined.FAKES} serve fake --engine transformers --port {port}"
    base = f"openai:fake@http://127.0.0.1:{port}/v1"
    options = ServeOptions(
        (f"far={base}",), base=base, embedder=None, book=tmp_path / "book", upstream=command
    )
    gateway = open_gateway(options)
    behind = gateway.engines[0]
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none")

        def ask(**more):
            asked = [{"role": "user", "content": "Who?"}]
            return client.chat.completions.create(model="far", messages=asked, **more)

        said = ask().choices[0].message.content
        parts = [chunk.choices[0].delta.content or "" for chunk in ask(stream=True)]
        assert said and "".join(parts) == said
        os.kill(behind.pid, signal.SIGKILL)
        until(lambda: not behind.ready)
        until(lambda: behind.ready)
        assert behind.restarts == 1 and ask().choices[0].message.content == said


def test_adapters_are_loaded_again_after_a_restart(tmp_path, port, monkeypatch):
    monkeypatch.chdir(tmp_path)
    behind = Upstream([sys.executable, "-c", ADAPTING, str(port)], f"http://127.0.0.1:{port}/v1")
    try:
        assert behind.adapter(tmp_path / "law") == "law-0"
        with pytest.raises(EndpointError, match="refused load_lora_adapter"):
            behind.adapter(tmp_path / "bad")
        os.kill(behind.pid, signal.SIGKILL)
        until(lambda: behind.restarts == 1)
    finally:
        behind.close()
    assert (tmp_path / "loaded").read_text().split() == ["law-0", "bad-1", "law-0"]


def test_a_server_that_wants_a_key_gets_it(tmp_path, port, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-c", ADAPTING, str(port), "Bearer sk-1"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    behind = Upstream(command, f"http://127.0.0.1:{port}/v1")
    try:
        assert behind.adapter(tmp_path / "law") == "law-0"
    finally:
        behind.close()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-2")
    with pytest.raises(EndpointError, match="wants a key"):
        Upstream(command, f"http://127.0.0.1:{port}/v1")


def test_a_server_that_ends_at_once_or_stands_nowhere_is_told(tmp_path, port):
    with pytest.raises(EndpointError, match="ended with 3"):
        Upstream([sys.executable, "-c", "raise SystemExit(3)"], f"http://127.0.0.1:{port}/v1")
    with pytest.raises(EndpointError, match="cannot be started"):
        Upstream("/no/such/program", f"http://127.0.0.1:{port}/v1")
    with pytest.raises(DataError, match="--upstream"):
        open_gateway(ServeOptions(book=tmp_path / "book", upstream="vllm serve"))
