"""A day's tokens are counted however an answer ends."""

import time

import httpx
import openai
import pytest

from metier.models.engines.fake import FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.batcher import Crowd
from metier.serving.engines.remote import RemoteWriter, open_remote
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import create_key
from tests.serving.server import fake_gateway, serving

ASKED = [{"role": "user", "content": "Who goes there?"}]
ROUTES = {
    "chat/completions": {"messages": ASKED},
    "completions": {"prompt": "Who goes there?"},
    "responses": {"input": "Who goes there?"},
}


class Slow(FakeModel):
    """Writes a word every millisecond, or fails after some."""

    def __init__(self, fails_after=10**6):
        super().__init__({"Who goes there?": "word " * 5000})
        self.fails_after = fails_after

    def stream(self, conversation, config):
        for place, piece in enumerate(super().stream(conversation, config)):
            if place == self.fails_after:
                raise ValueError("out of order")
            time.sleep(0.001)
            yield piece

    def generate(self, batch, config):
        time.sleep(0.5)
        return super().generate(batch, config)


@pytest.fixture
def gateway(tmp_path):
    def entry(name, model):
        return lambda batcher: Entry(name, "base", writer=PlainWriter(model, batcher))

    return fake_gateway(tmp_path, entries=[entry("slow", Slow()), entry("broken", Slow(50))])


def body(route, model="slow", **options):
    limit = "max_output_tokens" if route == "responses" else "max_tokens"
    return {"model": model, limit: 5000, **ROUTES[route], **options}


@pytest.fixture
def far(gateway, tmp_path):
    """A gateway whose models are those of the other one."""

    def entry(name):
        model = open_remote(f"openai:{name}@{url}")
        return lambda batcher: Entry(name, "base", writer=RemoteWriter(model, Crowd(), b"secret"))

    with serving(gateway) as url:
        yield fake_gateway(tmp_path / "far", entries=[entry("slow"), entry("broken")])


def logged(gateway):
    """The one request in the log, once it is there."""
    for _ in range(500):
        if rows := gateway.book.history(""):
            return rows[0]
        time.sleep(0.02)
    raise AssertionError("nothing was logged")


@pytest.mark.parametrize("route", ROUTES)
def test_a_stream_that_is_left_counts_what_was_read_and_written(gateway, route):
    row = left(gateway, route)
    assert (row["status"], row["prompt_tokens"]) == (499, 3)


@pytest.mark.parametrize("route", ROUTES)
def test_a_stream_of_a_remote_model_that_is_left_counts_too(far, route):
    row = left(far, route)
    assert (row["status"], row["prompt_tokens"]) == (499, 4)  # estimated: the end tells the usage
    assert not far.settling


def left(gateway, route):
    """What is logged of a stream that is left; it has spent what the key may spend."""
    head = {"authorization": f"Bearer {create_key(gateway.book, 'one', tokens_per_day=3)}"}
    with serving(gateway) as url:
        asked = body(route, stream=True)
        with httpx.stream("POST", f"{url}/{route}", json=asked, headers=head) as answer:
            for _, _ in zip(range(60), answer.iter_lines(), strict=False):
                pass
        row = logged(gateway)
        again = httpx.post(f"{url}/{route}", json=asked, headers=head)
    assert 10 < row["completion_tokens"] < 4000
    assert again.status_code == 429 and "tokens of today" in again.text
    return row


def test_a_whole_answer_that_nobody_waits_for_counts(gateway):
    with serving(gateway) as url:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/chat/completions", json=body("chat/completions"), timeout=0.2)
        row = logged(gateway)
    assert (row["status"], row["prompt_tokens"]) == (499, 3)
    assert row["completion_tokens"] >= 5000


def test_a_stream_that_fails_counts_what_was_written_before(gateway):
    with serving(gateway) as url:
        asked = body("chat/completions", "broken", stream=True)
        assert "server failed" in httpx.post(f"{url}/chat/completions", json=asked).text
        row = logged(gateway)
    assert (row["status"], row["prompt_tokens"]) == (500, 3)
    assert 45 < row["completion_tokens"] < 60


def test_a_stream_of_a_remote_model_that_fails_counts_what_was_written_before(far):
    with serving(far) as url:
        asked = body("chat/completions", "broken", stream=True)
        assert "failed" in httpx.post(f"{url}/chat/completions", json=asked).text
        row = logged(far)
    assert (row["status"], row["prompt_tokens"]) == (503, 4)
    assert row["completion_tokens"] > 45


def test_what_was_broken_off_is_accounted_for_before_the_server_ends(gateway):
    with serving(gateway) as url, pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/chat/completions", json=body("chat/completions"), timeout=0.2)
    from metier.serving.records.book import Book

    assert Book(gateway.book.path).history("")[0]["completion_tokens"] >= 5000


def test_a_streamed_completion_counts_every_prompt(gateway):
    asked = {"model": "fake", "prompt": ["Who goes there?", "Where is it?"], "n": 2}
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        whole = client.completions.create(**asked).usage
        told = {"include_usage": True}
        chunks = list(client.completions.create(**asked, stream=True, stream_options=told))
    assert whole.prompt_tokens == chunks[-1].usage.prompt_tokens == 6
    assert chunks[-1].usage.completion_tokens == whole.completion_tokens
