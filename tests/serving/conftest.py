"""The embedded model behind a server, opened once for each module of tests."""

from dataclasses import dataclass

import openai
import pytest

from metier.serving.gate.gateway import Gateway
from metier.serving.start import ServeOptions, open_gateway
from tests.serving.server import serving


@dataclass
class Embedded:
    """The server, its address and a client that asks its one model."""

    gateway: Gateway
    url: str
    client: openai.OpenAI
    name: str = "smollm2-135m-instruct"

    def ask(self, text, *, client=None, **options):
        messages = [{"role": "user", "content": text}]
        create = (client or self.client).chat.completions.create
        return create(model=self.name, messages=messages, **{"max_tokens": 8, **options})


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    book = tmp_path_factory.mktemp("book") / "book"
    gateway = open_gateway(ServeOptions(book=book, embedder=None, cache_tokens=4096))
    with serving(gateway) as url:
        yield Embedded(gateway, url, openai.OpenAI(base_url=url, api_key="none", max_retries=0))
