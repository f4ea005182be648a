"""The engine's own process: what is lost with it, and that it comes back."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path

import httpx
import openai
import pytest

from metier.errors import DataError
from metier.models.engines import decoding
from metier.models.engines.paged import PagedEngine
from metier.models.names.resolve import resolve
from metier.serving.engines import process, worker
from metier.serving.engines.process import EngineProcess
from metier.serving.gate.access import create_key
from metier.types import GenerateConfig, Usage

LONG = "Count to a thousand."
RECOVERY = 10
"""Seconds after which a server whose engine was killed answers again."""


def until(true):
    while not true():  # the test's time-out would end it
        time.sleep(0.02)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def health(url):
    return httpx.get(f"{url.removesuffix('/v1')}/healthz")


def opened():
    """Our end of a worker's pipe, and the thread that it runs in."""
    ours, theirs = Pipe()
    opening = worker.Opening(resolve("smollm2-135m-instruct"), "x", 1024)
    thread = threading.Thread(target=worker.serve, args=(theirs, opening))
    thread.start()
    assert ours.recv() == worker.Opened()
    return ours, thread


@pytest.mark.models
def test_what_a_killed_engine_was_writing_fails_cleanly_and_it_comes_back(embedded):
    ask, url, engine = embedded.ask, embedded.url, embedded.gateway.engines[0]
    before = ask("Hello").choices[0].message.content
    stream = ask(LONG, stream=True, max_tokens=3000)
    next(stream)
    with ThreadPoolExecutor(6) as clients:
        asked = [clients.submit(ask, LONG, max_tokens=3000) for _ in range(6)]
        until(lambda: engine.active == 7)
        killed = time.monotonic()
        os.kill(engine.pid, signal.SIGKILL)
        for one in asked:
            with pytest.raises(openai.InternalServerError) as failed:
                one.result()
            assert failed.value.status_code == 503
            assert failed.value.response.headers["retry-after"]
    with pytest.raises(openai.APIError, match="the engine failed"):
        list(stream)
    assert health(url).status_code == 503
    assert health(url).json()["engines"] == {embedded.name: "starting"}
    with pytest.raises(openai.InternalServerError, match="being started"):
        ask("Hello")
    until(lambda: health(url).status_code == 200)
    took = time.monotonic() - killed
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    # Where others have the processor, the clock tells of them and not of the engine.
    assert (processor_seconds(engine.pid) if busy else took) <= RECOVERY
    assert ask("Hello").choices[0].message.content == before
    metrics = httpx.get(f"{url.removesuffix('/v1')}/metrics").text
    assert f'metier_engine{{engine="{embedded.name}",what="restarts"}} 1.0' in metrics


@pytest.mark.models
def test_an_engine_that_hangs_is_ended(embedded, monkeypatch):
    monkeypatch.setattr(process, "SILENCE", 2)
    ask, engine = embedded.ask, embedded.gateway.engines[0]
    killed = engine.pid
    os.kill(killed, signal.SIGSTOP)
    with pytest.raises(openai.InternalServerError, match="the engine failed"):
        ask("Hello")
    monkeypatch.undo()
    until(lambda: engine.ready)
    assert engine.pid != killed and ask("Hello").choices


@pytest.mark.models
def test_nobody_to_read_means_no_work(embedded):
    ask, url, engine = embedded.ask, embedded.url, embedded.gateway.engines[0]
    messages = [{"role": "user", "content": LONG}]
    body = {"model": embedded.name, "messages": messages, "stream": True, "max_tokens": 3000}
    with httpx.stream("POST", f"{url}/chat/completions", json=body) as answer:
        next(answer.iter_lines())
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/chat/completions", json={**body, "stream": False}, timeout=0.5)
    until(lambda: not engine.active)
    ask("Hello")  # the pass that drops them
    until(lambda: not embedded.gateway.settling)
    left = [row for row in embedded.gateway.book.history("") if row["status"] == 499]
    assert len(left) == 2 and all(row["prompt_tokens"] > 5 for row in left)
    assert all(0 < row["completion_tokens"] < 3000 for row in left)
    assert engine.counts.running == engine.counts.waiting == 0
    written = engine.counts.written
    ask("Hello", max_tokens=4)
    assert engine.counts.written == written + 4


@pytest.mark.models
def test_when_many_read_along_they_get_several_tokens_at_once_and_every_word(embedded):
    readers = 2 * worker.TOLD_AT_ONCE

    def pieces(_):
        stream = embedded.ask("Name three colours.", stream=True, max_tokens=16)
        return [said for chunk in stream if (said := chunk.choices[0].delta.content)]

    with ThreadPoolExecutor(readers) as clients:
        read = list(clients.map(pieces, range(readers)))

    whole = embedded.ask("Name three colours.", max_tokens=16).choices[0].message.content
    assert {"".join(one) for one in read} == {whole}
    assert min(map(len, read)) < 16


@pytest.mark.models
def test_an_engine_that_cannot_be_opened_says_why(tmp_path):
    with pytest.raises(Exception, match=r"no model\.safetensors"):
        EngineProcess(worker.Opening(tmp_path, "nothing", 4096))


@pytest.mark.models
def test_what_another_tenant_asked_is_not_known(embedded):
    keys = [create_key(embedded.gateway.book, tenant, tenant=tenant) for tenant in "ab"]
    long = "The sea is deep and the land is wide. " * 20

    def cached(key):
        asking = openai.OpenAI(base_url=embedded.url, api_key=key)
        answer = embedded.ask(long, client=asking, max_tokens=1)
        return answer.usage.prompt_tokens_details.cached_tokens

    assert [cached(key) for key in keys] == [0, 0]
    assert cached(keys[0]) > 100


@pytest.mark.models
def test_an_error_in_a_pass_fails_its_orders_alone(monkeypatch):
    failing = [True]
    forward = PagedEngine.forward

    def fails_once(self, slices):
        if failing and failing.pop():
            raise RuntimeError("out of memory")
        return forward(self, slices)

    monkeypatch.setattr(PagedEngine, "forward", fails_once)
    ours, thread = opened()
    ours.send(worker.Order(7, "a", GenerateConfig(1)))
    failed = ours.recv()
    assert failed.number == 7 and isinstance(failed.error, worker.EngineError)
    assert ours.recv().news == ()
    ours.send(worker.Order(8, "a", GenerateConfig(1)))
    [news] = ours.recv().news
    assert (news.number, news.usage, news.finish) == (8, Usage(1, 1), "length")
    ours.close()
    thread.join()


@pytest.mark.models
def test_what_one_order_cannot_be_answered_for_fails_it_alone(monkeypatch):
    chosen = decoding.choose

    def fails_for_one(logits, config, generator):
        if config.seed == 13:
            raise DataError("nothing may be written")
        return chosen(logits, config, generator)

    monkeypatch.setattr(decoding, "choose", fails_for_one)
    ours, thread = opened()
    for number, seed in ((7, 0), (8, 13), (9, 0)):
        ours.send(worker.Order(number, "one two", GenerateConfig(20, seed=seed)))
    failed, ended = {}, set()
    while len(failed) + len(ended) < 3:
        told = ours.recv()
        if isinstance(told, worker.Outcome):
            failed[told.number] = str(told.error)
        else:
            ended |= {news.number for news in told.news if news.finish}
    assert failed == {8: "nothing may be written"} and ended == {7, 9}
    ours.close()
    thread.join()
