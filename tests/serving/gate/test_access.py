"""Keys, scopes, tenants and limits, over real HTTP."""

import httpx
import openai
import pytest

from metier.errors import DataError
from metier.models.engines.fake import FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import Access, create_key, revoke_key
from metier.serving.records.book import Book
from metier.serving.start import ServeOptions, check_exposure
from tests.serving.server import fake_gateway, serving

ASKED = [{"role": "user", "content": "Who?"}]


@pytest.fixture
def gateway(tmp_path):
    def owned(tenant):
        return lambda batcher: Entry(
            f"of-{tenant}", "base", tenant, writer=PlainWriter(FakeModel(), batcher)
        )

    return fake_gateway(tmp_path, entries=[owned("a"), owned("b")], keep_texts=True)


def client(url, key):
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0)


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def ask(asking, model="fake"):
    return asking.chat.completions.create(model=model, messages=ASKED)


def test_only_keys_in_force_are_let_in(gateway):
    key = create_key(gateway.book, "one")
    with serving(gateway) as url:
        assert ask(client(url, key)).choices
        public = key.split("_")[1]
        for wrong in ("none", key[:-1] + "!", f"mt_{public}_", "mt_x_y", "mt__", "é"):
            answer = httpx.get(
                f"{url}/models", headers={b"authorization": b"Bearer " + wrong.encode()}
            )
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(f"{url}/models").status_code == 401
        assert httpx.get(f"{url.removesuffix('/v1')}/healthz").status_code == 200
        revoke_key(gateway.book, key)
        with pytest.raises(openai.AuthenticationError):
            ask(client(url, key))


def test_without_keys_only_who_calls_this_machine_by_its_own_names_is_let_in(gateway):
    with serving(gateway) as url:
        port = url.split(":")[-1].removesuffix("/v1")
        for host in (
            "localhost",
            "127.0.0.1",
            f"LOCALHOST:{port}",
            f"127.0.0.1:{port}",
            "[::1]:80",
        ):
            assert httpx.get(f"{url}/history", headers={"host": host}).status_code == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "[evil"):
            answer = httpx.get(f"{url}/history", headers={"host": host})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unknown_host")
        key = create_key(gateway.book, "one")
        named = {"host": "evil.example", **bearer(key)}
        assert httpx.get(f"{url}/history", headers=named).status_code == 200


def test_secrets_are_not_stored(gateway, tmp_path):
    key = create_key(gateway.book, "one")
    gateway.book.close()
    gateway.batcher.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert key.split("_", 2)[2].encode() not in stored
    assert (tmp_path / "gateway.sqlite").stat().st_mode & 0o077 == 0


def test_a_key_does_what_its_scopes_say(gateway):
    key = create_key(gateway.book, "one", scopes=("embed",))
    with serving(gateway) as url:
        assert client(url, key).embeddings.create(model="vectors", input="a").data
        with pytest.raises(openai.PermissionDeniedError, match="'ask'"):
            ask(client(url, key))
    with pytest.raises(DataError, match="no scope 'all'"):
        create_key(gateway.book, "two", scopes=("all",))


def test_tenants_see_nothing_of_each_other(gateway):
    a, b = (create_key(gateway.book, name, tenant=name) for name in "ab")
    with serving(gateway) as url:
        response = ask(client(url, a), "of-a").id
        assert [model.id for model in client(url, a).models.list()] == ["fake", "vectors", "of-a"]
        said = []
        for name in ("of-a", "nothing"):
            with pytest.raises(openai.NotFoundError) as refused:
                ask(client(url, b), name)
            said.append(str(refused.value).replace(name, "X"))
        assert said[0] == said[1]  # nor whether it exists
        head = {"authorization": f"Bearer {b}"}
        thumb = {"response_id": response, "thumb": "up"}
        assert httpx.post(f"{url}/feedback", json=thumb, headers=head).status_code == 404
        found = httpx.get(f"{url}/history", headers=head).json()["data"]
        assert all(row["tenant"] == "b" for row in found)
        assert (
            httpx.get(f"{url}/history", params={"search": "%"}, headers=head).json()["data"] == []
        )


def test_limits_are_told_and_kept(gateway):
    key = create_key(gateway.book, "one", per_minute=2)
    with serving(gateway) as url:
        made = client(url, key).chat.completions.with_raw_response.create(
            model="fake", messages=ASKED
        )
        assert made.headers["x-ratelimit-limit-requests"] == "2"
        assert made.headers["x-ratelimit-remaining-requests"] == "1"
        ask(client(url, key))
        with pytest.raises(openai.RateLimitError) as refused:
            ask(client(url, key))
        assert 1 <= int(refused.value.response.headers["retry-after"]) <= 31


def test_a_spent_quota_is_refused_until_tomorrow(gateway):
    key = create_key(gateway.book, "one", tokens_per_day=3)
    with serving(gateway) as url:
        ask(client(url, key))
        with pytest.raises(openai.RateLimitError, match="tokens of today") as refused:
            ask(client(url, key))
        assert refused.value.code == "insufficient_quota"


def test_buckets_fill_with_time(tmp_path):
    now = [0.0]
    book = Book(tmp_path / "book")
    access = Access(book, clock=lambda: now[0])
    caller = access.caller(bearer(create_key(book, "one", per_minute=60)))
    for _ in range(60):
        access.admit(caller, "ask")
    with pytest.raises(Exception, match="more than 60 requests a minute"):
        access.admit(caller, "ask")
    now[0] += 1.0
    access.admit(caller, "ask")


def test_what_was_done_to_keys_is_audited(tmp_path):
    book = Book(tmp_path / "book")
    key = create_key(book, "one")
    revoke_key(book, key)
    with pytest.raises(DataError, match="no key"):
        revoke_key(book, key)
    assert [row["action"] for row in book.audits()] == ["create key", "revoke key"]


def test_nobody_else_is_let_in_without_keys(tmp_path):
    here = tmp_path / "book"
    for host in ("127.0.0.1", "::1", "localhost"):
        check_exposure(ServeOptions(host=host, book=here))
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(DataError, match="metier keys create"):
            check_exposure(ServeOptions(host=host, book=here))
    create_key(Book(here), "one")
    check_exposure(ServeOptions(host="0.0.0.0", book=here))


def test_the_log_and_feedback_are_forgotten_and_the_audit_log_is_not(tmp_path):
    from metier.serving.records.book import Served

    now = [0.0]
    book = Book(tmp_path / "book", now=lambda: now[0])
    book.log(Served("r1", "", "", "m", "chat", 200, 0.1))
    book.add_feedback("r1", "", "", {"thumb": "up"})
    book.audit("operator", "create key", "k1")
    now[0] = 10 * 86400
    assert book.forget(11) == 0 and len(book.feedback()) == 1
    assert book.forget(9) == 1 and not book.feedback()
    assert book.request("r1", "") is None and len(book.audits()) == 1
