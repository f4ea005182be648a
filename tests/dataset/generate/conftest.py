"""A plan on fakes, and servers that speak OpenAI's protocol."""

import threading
import time

import pytest

from metier.dataset.generate.plan import GenerationPlan
from metier.models.engines.fake import FakeModels


@pytest.fixture
def models():
    return FakeModels()


@pytest.fixture
def plan():
    """Patterns alone: no model is asked."""
    return GenerationPlan("fake", "fake", menu={"unanswerable": 0}, patterns=20)


@pytest.fixture(scope="session")
def serve():
    """Start an ASGI app on a free port; gives its URL."""
    import uvicorn

    running = []

    def start(app):
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        running.append((server, thread))
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=10)
