"""What goes wrong stays with the request that it happened to."""

import asyncio
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from metier.models.engines.fake import FakeEmbedder, FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.writers import PlainWriter
from metier.serving.refusal import Refusal
from tests.serving.server import fake_gateway, serving, started

ASKED = [{"role": "user", "content": "Who?"}]


class Gate(FakeModel):
    """Answers when it is let; keeps what it was asked, counts the pieces it was made to write."""

    def __init__(self, words=10_000):
        super().__init__({"Who?": "word " * words})
        self.open = threading.Event()
        self.begun = threading.Event()
        self.pieces = 0
        self.asked = []

    def generate(self, batch, config):
        self.asked += [conversation[-1].content for conversation in batch]
        self.begun.set()
        self.open.wait(30)
        return super().generate(batch, config)

    def stream(self, conversation, config):
        self.asked.append(conversation[-1].content)
        for piece in super().stream(conversation, config):
            self.pieces += 1
            time.sleep(0.001)
            yield piece


class Broken(FakeModel):
    def generate(self, batch, config):
        raise ValueError("the secret inside")


def entry(name, model):
    return lambda batcher: Entry(name, "base", writer=PlainWriter(model, batcher))


def test_an_engines_failure_is_told_without_its_insides_and_others_go_on(tmp_path):
    gateway = fake_gateway(tmp_path, entries=[entry("broken", Broken())])
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        with pytest.raises(openai.InternalServerError) as refused:
            client.chat.completions.create(model="broken", messages=ASKED)
        assert "secret" not in str(refused.value)
        assert client.chat.completions.create(model="fake", messages=ASKED).choices


def test_a_stream_that_nobody_reads_any_more_stops_the_work(tmp_path):
    model = Gate()
    with serving(fake_gateway(tmp_path, entries=[entry("slow", model)])) as url:
        body = {"model": "slow", "messages": ASKED, "stream": True, "max_tokens": 100_000}
        with httpx.stream("POST", f"{url}/chat/completions", json=body) as answer:
            for _, line in zip(range(8), answer.iter_lines(), strict=False):
                assert "error" not in line
        client = openai.OpenAI(base_url=url, api_key="none")
        client.chat.completions.create(model="fake", messages=ASKED)  # waits for the one engine
        assert model.pieces < 9_000


def test_what_nobody_waits_for_any_more_leaves_the_queue(tmp_path):
    model = Gate()
    gateway = fake_gateway(tmp_path, entries=[entry("gate", model)])

    def leave(url, text, **options):
        body = {"model": "gate", "messages": [{"role": "user", "content": text}], **options}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/chat/completions", json=body, timeout=0.5)

    with serving(gateway) as url, ThreadPoolExecutor(6) as clients:
        clients.submit(leave, url, "first").result()
        left = [
            clients.submit(leave, url, "later", **more)
            for more in (
                {},
                {"temperature": 1},
                {"n": 2},
                {"stream": True},
                {"stream": True, "n": 2},
            )
        ]
        for one in left:
            one.result()
        while len(rows := gateway.book.history("")) < 5:  # the test's time-out would end it
            time.sleep(0.02)
        model.open.set()
    assert {(row["status"], row["completion_tokens"]) for row in rows} == {(499, 0)}
    assert model.asked == ["first"]


class SlowEmbedder(FakeEmbedder):
    """Reads when it is let; keeps what it was given."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()
        self.begun = threading.Event()
        self.given = []

    def embed(self, texts):
        self.given += texts
        self.begun.set()
        self.open.wait(30)
        return super().embed(texts)


def test_vectors_that_nobody_waits_for_any_more_are_not_made(tmp_path):
    embedder = SlowEmbedder()
    gateway = fake_gateway(
        tmp_path, entries=[lambda batcher: Entry("slow", "embedder", embedder=embedder)]
    )
    long = ["long " * 20_000] * 8

    def leave(url, texts):
        with httpx.Client(timeout=httpx.Timeout(30, read=0.5)) as client:
            with pytest.raises(httpx.ReadTimeout):
                client.post(f"{url}/embeddings", json={"model": "slow", "input": texts})
            embedder.begun.wait(30)

    with serving(gateway) as url:
        leave(url, long)
        leave(url, "later")
        while len(rows := gateway.book.history("")) < 2:  # the test's time-out would end it
            time.sleep(0.02)
        embedder.open.set()
        client = openai.OpenAI(base_url=url, api_key="none")
        client.embeddings.create(model="slow", input="last")
    assert [row["status"] for row in rows] == [499, 499]
    assert sorted(row["prompt_tokens"] for row in rows) == [0, 20_000]
    assert embedder.given == [long[0], "last"]


def test_calls_that_were_taken_back_leave_room_for_others():
    batcher, hold, begun = Batcher(most_waiting=2), threading.Event(), threading.Event()

    def slow(batch):
        begun.set()
        hold.wait(30)
        return batch

    batcher.submit("a", 0, slow)
    begun.wait(30)
    assert all([batcher.submit("a", n, slow).cancel() for n in (1, 2)])
    last = batcher.submit("a", 3, slow)
    hold.set()
    assert last.result(30) == 3
    batcher.close()


def test_too_many_waiting_calls_are_refused_and_the_others_served():
    batcher = Batcher(most_waiting=2)
    hold, begun = threading.Event(), threading.Event()

    def slow(batch):
        begun.set()
        hold.wait(30)
        return batch

    futures = [batcher.submit("a", 0, slow)]
    begun.wait(30)
    futures += [batcher.submit("a", n, slow) for n in (1, 2)]
    with pytest.raises(Refusal) as refused:
        batcher.submit("a", 3, slow)
    assert refused.value.status == 429 and refused.value.headers["Retry-After"]
    hold.set()
    assert [future.result() for future in futures] == [0, 1, 2]
    batcher.close()


def test_a_call_that_comes_too_late_is_refused():
    batcher = Batcher()
    batcher.close()
    with pytest.raises(Refusal) as refused:
        batcher.submit("a", 0, list)
    assert refused.value.status == 503


def test_calls_of_one_kind_share_a_batch():
    batcher, sizes = Batcher(), []
    hold = threading.Event()

    def count(batch):
        hold.wait(30)
        sizes.append(len(batch))
        return batch

    futures = [batcher.submit(n % 2, n, count) for n in range(9)]
    hold.set()
    assert [future.result() for future in futures] == list(range(9))
    assert len(sizes) <= 3
    batcher.close()


def test_sigterm_lets_the_requests_under_way_finish(tmp_path):
    server, url = started(tmp_path, pause=0.1)

    async def asks():
        async with httpx.AsyncClient() as client:
            body = {"model": "fake", "messages": ASKED, "stream": True, "n": 8}
            async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                server.send_signal(signal.SIGTERM)
                return [line async for line in lines if line]

    try:
        lines = asyncio.run(asks())
        assert lines[-1] == "data: [DONE]"
        assert all("error" not in json.loads(line[6:]) for line in lines[:-1])
        assert server.wait(30) in (0, -signal.SIGTERM)
    finally:
        server.kill()
