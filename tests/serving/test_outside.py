"""Trouble from outside the server: full disks, readers that stop, restarts, transport security."""

import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from metier.models.engines.fake import FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from metier.serving.records.book import Book, Served
from metier.serving.routes import replies as routing
from tests.serving.server import fake_gateway, serving, started

ASKED = [{"role": "user", "content": "Who?"}]
CHAT = {"model": "fake", "messages": ASKED}


def ask(url, **options):
    return httpx.post(f"{url}/v1/chat/completions", json=CHAT, timeout=60, **options)


def thumb(url, response):
    given = {"response_id": response, "thumb": "up"}
    return httpx.post(f"{url}/v1/feedback", json=given, timeout=60)


def kept(folder):
    return Book(folder / ".metier" / "gateway.sqlite").feedback()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of others are set on Linux")
def test_a_full_disk_loses_no_answer_and_no_accepted_feedback(tmp_path):
    server, url = started(tmp_path)
    try:
        first = ask(url).json()["id"]
        assert thumb(url, first).status_code == 200
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, unlimited[1]))
        during = [ask(url) for _ in range(3)]
        assert [answer.status_code for answer in during] == [200] * 3
        for response in (first, during[0].json()["id"]):
            refused = thumb(url, response)
            assert refused.status_code == 503 and "StorageError" in refused.text
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        for answer in during:  # known although they could not be noted when they were given
            assert thumb(url, answer.json()["id"]).status_code == 200
        rows = httpx.get(f"{url}/v1/history").json()["data"]
        assert {row["id"] for row in rows} >= {
            answer.json()["id"].removeprefix("chatcmpl-") for answer in during
        }
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert len(kept(tmp_path)) == 4


def test_what_could_not_be_noted_counts_for_quotas(tmp_path):
    book = Book(tmp_path / "book")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, unlimited[1]))
    try:
        book.log(Served("r1", "", "k", "m", "chat", 200, 0.1, 3, 4))
        spent = book.tokens_since("k", 0), book.tokens_since("other", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert spent == (7, 0)
    assert book.request("r1", "")["status"] == 200
    assert book.tokens_since("k", 0) == 7


def test_no_accepted_feedback_is_lost_by_restarts_under_load(tmp_path):
    accepted = 0
    for ending in (signal.SIGTERM, signal.SIGKILL):
        server, url = started(tmp_path)
        begun = threading.Event()

        def load(place, url=url, begun=begun):
            taken = 0
            try:
                for _ in range(200):
                    taken += thumb(url, ask(url).json()["id"]).status_code == 200
                    begun.set()
            except (httpx.TransportError, KeyError):  # the restart
                pass
            return taken

        with ThreadPoolExecutor(4) as clients:
            loads = [clients.submit(load, place) for place in range(4)]
            assert begun.wait(60)
            time.sleep(0.5)
            server.send_signal(ending)
            accepted += sum(one.result() for one in loads)
            server.wait(30)
    assert 0 < accepted <= len(kept(tmp_path))


class Endless(FakeModel):
    """Writes until nobody wants to hear it."""

    pieces = 0

    def stream(self, conversation, config):
        while self.pieces < 10_000:
            self.pieces += 1
            time.sleep(0.001)
            yield "word " * 20_000


def test_a_reader_that_stops_reading_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(routing, "STALLED", 0.5)
    model = Endless()
    gateway = fake_gateway(
        tmp_path,
        entries=[lambda batcher: Entry("endless", "base", writer=PlainWriter(model, batcher))],
    )
    with serving(gateway) as url:
        host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((host, int(port)))
        body = httpx.Request(
            "POST", url, json={**CHAT, "model": "endless", "stream": True, "max_tokens": 10**6}
        ).content
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n"
        )
        reader.sendall(f"{head}content-type: application/json\r\n\r\n".encode() + body)
        fake = httpx.post(f"{url}/chat/completions", json=CHAT, timeout=60)
        assert fake.status_code == 200  # the one thread behind it is free again
        assert model.pieces < 10_000
        rows = gateway.book.history("")
        assert [row["status"] for row in rows if row["model"] == "endless"] == [499]
        reader.close()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_transport_security_by_flags(tmp_path):
    chain, private = tmp_path / "chain.pem", tmp_path / "private.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-keyout", private, "-out", chain, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    trusting = ssl.create_default_context(cafile=chain)
    words = ("--certificate", str(chain), "--key", str(private))
    server, url = started(tmp_path, *words, scheme="https", verify=trusting)
    try:
        assert ask(url, verify=trusting).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(url)
        with pytest.raises(httpx.TransportError):
            ask(url.replace("https", "http"))
    finally:
        server.terminate()
        server.wait(30)
