"""A server whose model says what a test wants, with tools."""

from dataclasses import replace

import openai
import pytest

from metier.serving.catalogue.entries import Entry
from metier.serving.catalogue.toolbox import Offered, QueuedRetriever, Toolbox
from metier.serving.engines.writers import PlainWriter
from metier.serving.records.shelf import Shelf
from metier.tools.python import PythonTool
from metier.tools.search import SearchTool
from metier.types import Budget
from tests.serving.answering.asking import TEXTS
from tests.serving.server import fake_gateway, serving
from tests.tools.scripted import Scripted, store


@pytest.fixture
def start(tmp_path):
    """Serve a model that says these texts, with the tools; yields the client's maker."""
    open_ones = []

    def begin(*texts, budget=None):
        model = Scripted(*texts)
        shelf = Shelf(tmp_path / "shelf.sqlite")
        gateway = fake_gateway(
            tmp_path,
            entries=[lambda batcher: Entry("scripted", "base", writer=PlainWriter(model, batcher))],
            keep_texts=True,
        )
        index = store(tmp_path / "index", TEXTS)
        tools = [
            Offered(SearchTool(QueuedRetriever(index, gateway.batcher))),
            Offered(PythonTool()),
        ]
        gateway = replace(gateway, toolbox=Toolbox(tools, shelf, budget or Budget()))
        manager = serving(gateway)
        open_ones.append(manager)
        url = manager.__enter__()
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        return client, model, gateway

    yield begin
    for manager in open_ones:
        manager.__exit__(None, None, None)
