"""A gateway over real HTTP: in a thread of the test's process, or the command in a process."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import uvicorn

from metier.models.engines.fake import FakeEmbedder, FakeModel
from metier.serving.catalogue.entries import Catalogue, Entry
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import Access
from metier.serving.gate.gateway import Gateway
from metier.serving.records.book import Book
from metier.serving.routes.app import make_app
from tests import joined


def fake_gateway(folder, *, entries=(), replies=None, **settings):
    batcher = Batcher()
    known = [
        Entry("fake", "base", writer=PlainWriter(FakeModel(replies), batcher)),
        Entry("vectors", "embedder", embedder=FakeEmbedder()),
        *(made(batcher) for made in entries),
    ]
    book = Book(folder / "gateway.sqlite")
    return Gateway(Catalogue(known), book, Access(book), batcher, **settings)


@contextmanager
def serving(gateway):
    """Yield the base URL, ``.../v1``."""
    config = uvicorn.Config(make_app(gateway), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join()


def started(folder, *words, scheme="http", pause=0.0, **options):
    """The command with fake models on a free port; the process and its root URL.

    ``pause`` is the seconds before each piece of a stream.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(joined.FAKES), "serve", "fake", "--engine", "transformers"]
    server = subprocess.Popen(
        [*command, "--port", str(port), *words],
        cwd=folder,
        env={**joined.environment(), "PAUSE": str(pause)},
        stderr=subprocess.DEVNULL,
    )
    url = f"{scheme}://127.0.0.1:{port}"
    for _ in range(300):
        try:
            httpx.get(f"{url}/healthz", **options)
            return server, url
        except httpx.TransportError:
            assert server.poll() is None
            time.sleep(0.1)
    raise AssertionError("the server did not start")
