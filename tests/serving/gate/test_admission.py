"""What comes in is bounded before it is read, and what is refused is counted."""

import socket
import tracemalloc

import httpx
import pytest

from metier.serving.gate.access import create_key
from metier.serving.routes.admission import MOST_BYTES
from tests.serving.server import fake_gateway, serving

ASKED = [{"role": "user", "content": "Who?"}]
CHAT = {"model": "fake", "messages": ASKED}
JSON = {"content-type": "application/json"}


@pytest.fixture
def gateway(tmp_path):
    return fake_gateway(tmp_path)


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def parts(most):
    """A body in chunks, whose length no header tells."""
    yield b'{"model": "fake", "messages": [{"role": "user", "content": "'
    for _ in range(most >> 16):
        yield b"x" * (1 << 16)
    yield b'"}]}'


def counts(url, key):
    text = httpx.get(f"{url.removesuffix('/v1')}/metrics", headers=bearer(key)).text
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("metier_requests_total")
    }


def test_a_body_in_chunks_is_refused_once_it_is_too_large(gateway):
    with serving(gateway) as url, httpx.Client(base_url=url, headers=JSON, timeout=60) as client:
        small = client.post("chat/completions", content=parts(MOST_BYTES // 2))
        large = client.post("chat/completions", content=parts(MOST_BYTES * 2))
        told = client.post("chat/completions", content=b"x" * (MOST_BYTES + 1))
    assert [small.status_code, large.status_code, told.status_code] == [200, 413, 413]
    assert "8,388,608 bytes" in large.json()["error"]["message"]


def test_no_byte_of_a_strangers_body_is_waited_for(gateway):
    create_key(gateway.book, "one")
    with serving(gateway) as url:
        host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as stranger:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {1 << 22}"
            stranger.sendall(f"{head}\r\ncontent-type: application/json\r\n\r\n".encode())
            assert stranger.recv(4096).startswith(b"HTTP/1.1 401")
        invalid = httpx.post(f"{url}/chat/completions", content=b"{", headers=JSON)
        assert invalid.status_code == 401


def test_a_strangers_bodies_take_no_memory(gateway):
    create_key(gateway.book, "one")
    with serving(gateway) as url:
        tracemalloc.start()
        body = parts(MOST_BYTES * 4)
        assert httpx.post(f"{url}/chat/completions", content=body, headers=JSON).status_code == 401
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < MOST_BYTES / 2


def test_refusals_are_counted_and_those_of_known_keys_logged(gateway):
    key = create_key(gateway.book, "one", tenant="a", scopes=("ask",), per_minute=2)
    watcher = create_key(gateway.book, "two", scopes=("metrics",))
    with serving(gateway) as url:
        post = f"{url}/chat/completions"
        assert httpx.post(post, json=CHAT).status_code == 401
        assert httpx.post(post, json=CHAT, headers=bearer("mt_x_y")).status_code == 401
        embed = httpx.post(f"{url}/embeddings", json={}, headers=bearer(key))
        assert embed.status_code == 403
        invalid = httpx.post(post, content=b"{", headers={**JSON, **bearer(key)})
        assert invalid.status_code == 400 and invalid.headers["x-ratelimit-remaining-requests"]
        assert httpx.post(post, json={"model": "fake"}, headers=bearer(key)).status_code == 400
        assert httpx.post(post, json=CHAT, headers=bearer(key)).status_code == 429
        found = counts(url, watcher)
        rows = gateway.book.rows("SELECT route, status, tenant FROM requests ORDER BY number")
    for route, status, count in (
        ("chat", 401, 2),
        ("embeddings", 403, 1),
        ("chat", 400, 2),
        ("chat", 429, 1),
    ):
        name = f'metier_requests_total{{model="",route="{route}",status="{status}"}}'
        assert found[name] == count
    assert [tuple(row.values()) for row in rows] == [
        ("embeddings", 403, "a"),
        ("chat", 400, "a"),
        ("chat", 400, "a"),
        ("chat", 429, "a"),
    ]


def test_looking_is_counted_and_not_logged(gateway):
    key = create_key(gateway.book, "one", scopes=("ask", "history", "metrics"))
    with serving(gateway) as url:
        for route in ("models", "prompts", "history"):
            assert httpx.get(f"{url}/{route}", headers=bearer(key)).status_code == 200
        assert httpx.get(f"{url}/history/none", headers=bearer(key)).status_code == 404
        found = counts(url, key)
        rows = gateway.book.history("")
    assert found['metier_requests_total{model="",route="models",status="200"}'] == 1
    assert [(row["route"], row["status"]) for row in rows] == [("history", 404)]


def test_every_route_says_what_it_needs_and_the_open_ones_tell_nothing_of_models(gateway):
    create_key(gateway.book, "one")
    with serving(gateway) as url:
        root = url.removesuffix("/v1")
        document = httpx.get(f"{root}/openapi.json")
        for path, methods in document.json()["paths"].items():
            for method in methods:
                said = httpx.request(method, root + path.replace("{", "").replace("}", ""))
                assert said.status_code == (200 if path == "/healthz" else 401), (method, path)
    assert '"fake"' not in document.text
