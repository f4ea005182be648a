"""One tenant asks for what is another's in a thousand ways, over real HTTP; nothing comes out."""

import hashlib
import itertools
import unicodedata

import httpx
import pytest

from metier.errors import DataError
from metier.models.engines.continuous import Counts
from metier.models.engines.fake import FakeEmbedder, FakeModel
from metier.serving.catalogue.entries import Entry
from metier.serving.engines.writers import PlainWriter
from metier.serving.gate.access import create_key
from tests.serving.server import fake_gateway, serving

SECRET = "the-merger-is-called-heron"
ASKED = [{"role": "user", "content": "Who?"}]
OURS, THEIRS = "a", "b"
MODEL = "of-b"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    def writes(batcher):
        model = FakeModel({"Who?": SECRET})
        return Entry(MODEL, "adapter", THEIRS, writer=PlainWriter(model, batcher))

    def embeds(batcher):
        return Entry(f"vectors-{MODEL}", "embedder", THEIRS, embedder=FakeEmbedder())

    folder = tmp_path_factory.mktemp("tenants")
    return fake_gateway(folder, entries=[writes, embeds], keep_texts=True, engines=[Engine()])


@pytest.fixture(scope="module")
def keys(gateway):
    return {tenant: create_key(gateway.book, tenant, tenant=tenant) for tenant in (OURS, THEIRS)}


class Engine:
    """As far as its health and its numbers are told."""

    name, ready, counts, restarts = f"engine-of-{MODEL}", True, Counts(), 0

    def close(self):
        pass


@pytest.fixture(scope="module")
def url(gateway, keys):
    with serving(gateway) as url:
        yield url


@pytest.fixture(scope="module")
def secret_response(url, keys):
    """What the other tenant has: an answer, a comment on it, a history."""
    head = {"authorization": f"Bearer {keys[THEIRS]}"}
    body = {"model": MODEL, "messages": ASKED}
    made = httpx.post(f"{url}/chat/completions", json=body, headers=head)
    assert SECRET in made.text
    given = {"response_id": made.json()["id"], "comment": SECRET}
    assert httpx.post(f"{url}/feedback", json=given, headers=head).status_code == 200
    return made.json()["id"]


def names(name):
    """A name as it is, and as somebody writes it who hopes that it is read carelessly."""
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalnum() else letter for letter in name)
    return [
        name,
        *(name.upper(), name.title(), name.swapcase()),
        *(f" {name}", f"{name} ", f"{name}\n", f"{name}\t", f"\ufeff{name}", f"{name}\u200b"),
        *(f"{name}\0", f"\0{name}", f"{name}/", f"/{name}", f"./{name}", f"../{name}"),
        *(
            f"b/{name}",
            f"b:{name}",
            f"{name}@b",
            f"{name}@",
            f"b@{name}",
            f"{name}@a",
            f"a/../{name}",
        ),
        *(f"fake/../{name}", f"fake,{name}", f"fake {name}", f"{name};fake"),
        *(f"{name}#", f"{name}?tenant=b", f"{name}&tenant=b", f"{name}%00", f"%6f{name[1:]}"),
        *(wide, unicodedata.normalize("NFKD", wide), name.replace("-", "\u2010"), name[::-1]),
        *(name.replace("o", "\u043e"), name.replace("-", "_"), f"{name}*", f"{name[:-1]}?", "*"),
        *(f"' OR name='{name}", f'{name}" --', f"{{{{{name}}}}}", f"${{{name}}}", f"[{name!r}]"),
    ]


CLAIMS = [
    {},
    *({name: THEIRS} for name in ("x-tenant", "x-tenant-id", "tenant", "x-metier-tenant")),
    *({name: THEIRS} for name in ("openai-organization", "openai-project", "x-forwarded-user")),
    *({name: THEIRS} for name in ("x-original-user", "x-user", "x-remote-user", "remote-user")),
    {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "forwarded": "for=127.0.0.1"},
    {"x-original-url": "/v1/history?tenant=b", "x-rewrite-url": "/v1/history?tenant=b"},
    {"x-http-method-override": "GET", "cookie": "tenant=b; key=b"},
]
"""Headers with which a request says that it is somebody else's."""

FIELDS = {"tenant": THEIRS, "user": THEIRS, "organization": THEIRS, "space": THEIRS, "key": THEIRS}


def writings():
    """Every way of asking for the model."""
    bodies = (
        ("chat/completions", {"messages": ASKED}),
        ("completions", {"prompt": "Who?"}),
        ("responses", {"input": "Who?"}),
        ("embeddings", {"input": "Who?"}),
        ("chat/completions", {"messages": ASKED, "stream": True, **FIELDS}),
        ("chat/completions", {"messages": ASKED, "metadata": FIELDS, "base": MODEL, "n": 2}),
    )
    for (route, body), name in itertools.product(bodies, [*names(MODEL), f"vectors-{MODEL}"]):
        yield "POST", route, {"json": {**body, "model": name}}
    for name in names(MODEL):
        yield "GET", "models/" + "".join(f"%{byte:02x}" for byte in name.encode()), {}


def readings(response):
    """Every way of asking for the answer, for what was thought of it, and for the history."""
    bare = response.removeprefix("chatcmpl-")
    for given in {bare, *(f"{kind}{bare}" for kind in ("chatcmpl-", "cmpl-", "resp_", "msg_"))}:
        for one in names(given):
            yield "POST", "feedback", {"json": {"response_id": one, "thumb": "up", **FIELDS}}
    searches = ["the-m", "Who", "%", "_", "\\", "%%", "' OR 1=1 --", "') OR ('1'='1", "*", "", bare]
    for search, more in itertools.product(searches, [{}, FIELDS, {"limit": 1000}]):
        yield "GET", "history", {"params": {"search": search, **more}}
    for route in (
        "models",
        "history",
        "feedback",
        f"responses/{response}",
        f"responses/resp_{bare}",
    ):
        yield "GET", route, {"params": FIELDS}
    for route in (f"chat/completions/{response}", f"files/{bare}", "files", "fine_tuning/jobs"):
        yield "GET", route, {}
    yield (
        "POST",
        "responses",
        {"json": {"model": "fake", "input": "?", "previous_response_id": response}},
    )


def test_nothing_of_another_tenant_comes_out(url, keys, gateway, secret_response):
    ways = [*writings(), *readings(secret_response)] * 2
    assert len(ways) >= 1000
    claims = itertools.cycle(CLAIMS)
    with httpx.Client(base_url=url, timeout=60) as client:
        for method, route, options in ways:
            head = {"authorization": f"Bearer {keys[OURS]}", **next(claims)}
            answer = client.request(method, route, headers=head, **options)
            assert answer.status_code < 500, (route, options, answer.text)
            assert SECRET not in answer.text + str(answer.headers), (route, options, head)
            if route == "feedback" and method != "GET":
                assert answer.status_code in (400, 404, 405)
            if route == "models":
                assert MODEL not in answer.text
    kept = gateway.book.feedback()
    assert [(row["tenant"], row["comment"]) for row in kept] == [(THEIRS, SECRET)]
    assert len(gateway.book.history(THEIRS, limit=1000)) == 2


def test_keys_put_together_from_two_are_refused(url, keys):
    _, ours, our_secret = keys[OURS].split("_", 2)
    _, theirs, _ = keys[THEIRS].split("_", 2)
    wrong = [f"mt_{theirs}{rest}" for rest in ("", "_", f"_{our_secret}", f"%_{our_secret}")]
    wrong += [theirs, f"{keys[OURS]},b", f"mt_{ours}_{our_secret[:-1]}", f"{keys[OURS]} {THEIRS}"]
    for key in wrong:
        head = {b"authorization": b"Bearer " + key.encode()}
        assert httpx.get(f"{url}/history", headers=head).status_code == 401


def test_metrics_and_the_names_of_engines_are_the_operators(url, keys, gateway, secret_response):
    old = {"id": "old", "name": "old", "tenant": OURS, "per_minute": None, "tokens_per_day": None}
    gateway.book.add_key(
        {**old, "hash": hashlib.sha256(b"secret").digest(), "scopes": ["ask", "metrics"]}
    )
    watcher = create_key(gateway.book, "watcher", scopes=("metrics",))
    others = [*keys.values(), "mt_old_secret", create_key(gateway.book, "nobody's"), "mt_no_key"]
    root = url.removesuffix("/v1")
    for key in others:
        head = {"authorization": f"Bearer {key}"}
        assert httpx.get(f"{root}/metrics", headers=head).status_code in (401, 403)
        assert httpx.get(f"{root}/healthz", headers=head).json() == {"status": "ok"}
    assert httpx.get(f"{root}/healthz").json() == {"status": "ok"}
    head = {"authorization": f"Bearer {watcher}"}
    assert f'model="{MODEL}"' in httpx.get(f"{root}/metrics", headers=head).text
    assert httpx.get(f"{root}/healthz", headers=head).json()["engines"] == {Engine.name: "ok"}
    with pytest.raises(DataError, match="all tenants"):
        create_key(gateway.book, "one", tenant=OURS, scopes=("metrics",))
