"""Past requests are found by their words and run again."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.corpus.steps.personal import PersonalData
from metier.serving.gate.access import create_key
from metier.serving.records.book import MIGRATIONS, Book, Served
from metier.serving.records.gallery import Gallery, Prompt
from tests.serving.server import fake_gateway, serving


@pytest.fixture
def gateway(tmp_path):
    return fake_gateway(tmp_path, replies={"Who?": "amber basin"}, keep_texts=True)


def served(id, asked, tenant="", answered="yes"):
    return Served(id, tenant, "", "m", "chat", 200, 0.1, asked=asked, answered=answered)


def found(book, text, tenant=""):
    return [row["id"] for row in book.history(tenant, text)]


def test_every_word_of_a_search_begins_a_word(tmp_path):
    book = Book(tmp_path / "book")
    book.log(served("1", "Where do zebras live?"))
    book.log(served("2", "Où vit le zèbre ?", answered="in a zoo"))
    book.log(served("3", "zebras again", tenant="other"))
    assert found(book, "zeb") == ["2", "1"]
    assert found(book, "LIVE zebra") == ["1"]
    assert found(book, "ebras") == [] == found(book, "!?")
    assert found(book, "zoo") == ["2"]
    assert found(book, "") == ["2", "1"]
    assert found(book, "zebras", "other") == ["3"]


@given(st.text(max_size=40))
def test_any_text_can_be_searched_for(text):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        book = Book(Path(folder) / "book")
        book.log(served("1", text))
        assert len(book.history("", text)) <= 1
        book.close()


def test_what_is_forgotten_is_found_no_more(tmp_path):
    book = Book(tmp_path / "book", now=lambda: 0.0)
    book.log(served("1", "a zebra"))
    book.close()
    book = Book(tmp_path / "book", now=lambda: 86400.0 * 40)
    book.log(served("2", "another zebra"))
    assert book.forget(30) == 1
    assert found(book, "zebra") == ["2"]
    book.close()


def test_a_book_of_the_first_version_is_lifted(tmp_path):
    old = sqlite3.connect(tmp_path / "book")
    old.executescript(f"BEGIN; {MIGRATIONS[0]} PRAGMA user_version = 1; COMMIT;")
    values = "'1', 5.0, '', '', 'm', 'chat', 200, 0.1, 3, 4"
    old.execute(f"INSERT INTO requests VALUES ({values}, 'the zebra', 'yes')")
    old.commit()
    old.close()
    book = Book(tmp_path / "book")
    assert found(book, "zebra") == ["1"]
    assert book.request("1", "")["completion_tokens"] == 4


def test_a_past_request_is_run_again_as_it_was(gateway):
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        asked = [{"role": "user", "content": "Who?"}]
        first = client.chat.completions.create(model="fake", messages=asked, max_tokens=1)
        again = httpx.post(f"{url}/history/{first.id}/run", json={})
        said = again.json()["choices"][0]
        assert said["message"]["content"] == first.choices[0].message.content == "amber"
        assert said["finish_reason"] == "length"
        assert again.headers["x-metier-run-of"] == first.id.removeprefix("chatcmpl-")
        assert again.json()["id"] != first.id
        with client.chat.completions.create(model="fake", messages=asked, stream=True) as stream:
            list(stream)
        made = client.responses.create(model="fake", input="Who?")
        rerun = httpx.post(f"{url}/history/{made.id}/run", json={}).json()
        assert rerun["output"][0]["content"][0]["text"] == made.output_text
        other = httpx.post(f"{url}/history/{first.id}/run", json={"model": "none"})
        assert other.status_code == 404
        past = httpx.get(f"{url}/history/{first.id}").json()
        assert past["body"]["messages"][0]["content"] == "Who?"


def test_a_prompt_is_run_again_in_the_version_of_then(gateway):
    gallery = Gallery(gateway.book)
    gallery.add(Prompt("p", 0, ({"role": "user", "content": "Who?"},)))
    with serving(gateway) as url:
        body = {"model": "fake", "prompt": {"id": "p"}}
        first = httpx.post(f"{url}/chat/completions", json=body).json()
        gallery.add(Prompt("p", 0, ({"role": "user", "content": "Where?"},)))
        again = httpx.post(f"{url}/history/{first['id']}/run", json={}).json()
        newest = httpx.post(f"{url}/chat/completions", json=body).json()
    texts = [one["choices"][0]["message"]["content"] for one in (first, again, newest)]
    assert texts[0] == texts[1] == "amber basin" != texts[2]


def test_another_tenants_request_and_one_without_its_text_are_not_run(tmp_path):
    gateway = fake_gateway(tmp_path)
    keys = [create_key(gateway.book, name, tenant=name) for name in ("a", "b")]
    heads = [{"authorization": f"Bearer {key}"} for key in keys]
    asked = {"model": "fake", "messages": [{"role": "user", "content": "Who?"}]}
    with serving(gateway) as url:
        made = httpx.post(f"{url}/chat/completions", json=asked, headers=heads[0]).json()
        run = f"{url}/history/{made['id']}/run"
        assert httpx.post(run, json={}, headers=heads[1]).status_code == 404
        refused = httpx.post(run, json={}, headers=heads[0])
        assert refused.status_code == 400 and "--keep-texts" in refused.text


@pytest.mark.parametrize("stream", [False, True])
def test_others_are_answered_while_personal_data_is_looked_for(gateway, monkeypatch, stream):
    begun, enough, edits = threading.Event(), threading.Event(), PersonalData.edits

    def slow(self, draft):
        begun.set()
        enough.wait(60)
        return edits(self, draft)

    monkeypatch.setattr(PersonalData, "edits", slow)
    asked = {"model": "fake", "messages": [{"role": "user", "content": "Who?"}], "stream": stream}
    with serving(gateway) as url, ThreadPoolExecutor(1) as other:
        made = other.submit(httpx.post, f"{url}/chat/completions", json=asked, timeout=60)
        try:
            assert begun.wait(60)
            assert httpx.get(f"{url}/models", timeout=20).status_code == 200
        finally:
            enough.set()
        assert made.result().status_code == 200
        assert [row["asked"] for row in gateway.book.history("")] == ["Who?"]
