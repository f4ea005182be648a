"""Prompts by name, with versions and measured scores."""

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import DataError
from metier.models.engines.fake import FakeModel
from metier.serial import read
from metier.serving.gate.access import create_key
from metier.serving.records.book import Book
from metier.serving.records.gallery import Gallery, Prompt, measured_prompts
from metier.types import RunReport
from tests import joined
from tests.serving.server import fake_gateway, serving

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
GREETING = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Greet {{ who }} in {{language}}."},
]


@pytest.fixture
def gateway(tmp_path):
    return fake_gateway(tmp_path, replies={"Greet Ada in French.": "Salut Ada"}, keep_texts=True)


def test_a_prompt_is_asked_by_its_name_in_both_apis(gateway):
    with serving(gateway) as url:
        added = httpx.post(f"{url}/prompts", json={"name": "greet", "messages": GREETING}).json()
        assert (added["version"], added["variables"]) == ("1", ["who", "language"])
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        prompt = {"id": "greet", "variables": {"who": "Ada", "language": "French"}}
        made = client.responses.create(model="fake", prompt=prompt)
        assert made.output_text == "Salut Ada" and made.prompt.version == "1"
        chat = client.chat.completions.create(
            model="fake", messages=[], extra_body={"prompt": prompt}
        )
        assert chat.choices[0].message.content == "Salut Ada"
        wrong = {"id": "greet", "variables": {"who": "Ada", "tongue": "x"}}
        with pytest.raises(openai.BadRequestError, match="'language' is missing"):
            client.responses.create(model="fake", prompt=wrong)
        with pytest.raises(openai.NotFoundError, match="no prompt greet, version 7"):
            client.responses.create(model="fake", prompt={**prompt, "version": "7"})


def test_versions_stay_and_the_same_words_make_none(tmp_path):
    gallery = Gallery(Book(tmp_path / "book"))
    first = gallery.add(Prompt("p", 0, ({"role": "user", "content": "One {{x}}"},)))
    again = gallery.add(Prompt("p", 0, ({"role": "user", "content": "One {{x}}"},)))
    second = gallery.add(Prompt("p", 0, ({"role": "user", "content": "Two {{x}}"},)))
    assert (first.version, again.version, second.version) == (1, 1, 2)
    assert gallery.get("p", "").version == 2
    assert gallery.get("p", "", "1").messages == first.messages


def test_a_tenant_sees_its_own_before_everybodys_and_never_anothers(gateway):
    keys = {name: create_key(gateway.book, name, tenant=name) for name in ("a", "b")}
    Gallery(gateway.book).add(Prompt("p", 0, ({"role": "user", "content": "shared"},)))
    with serving(gateway) as url:
        heads = {name: {"authorization": f"Bearer {key}"} for name, key in keys.items()}
        new = {"name": "p", "messages": [{"role": "user", "content": "own"}]}
        assert httpx.post(f"{url}/prompts", json=new, headers=heads["a"]).json()["version"] == "1"
        for name, content in (("a", "own"), ("b", "shared")):
            told = httpx.get(f"{url}/prompts/p", headers=heads[name]).json()
            assert told["messages"][0]["content"] == content
        assert len(httpx.get(f"{url}/prompts", headers=heads["b"]).json()["data"]) == 1
    assert [row["action"] for row in Book(gateway.book.path).audits()][-1] == "add prompt"


def test_a_runs_prompts_come_with_the_scores_it_measured(tmp_path, monkeypatch):
    rungs = joined.CHEAP_RUNGS + '\n[[rungs]]\nmethod = "prompt"\n'
    folder = joined.write_project(tmp_path / "project", rungs=rungs)
    assert joined.metier("run", "--json", cwd=folder).returncode in (0, 1)
    report = read(RunReport, folder / ".metier" / "report.json")
    (prompt,) = measured_prompts(report)
    card = next(card for card in report.scorecards if card.rung == "prompt")
    assert {score.metric: (score.value, score.n) for score in prompt.scores} == {
        metric: (one.value, one.n) for metric, one in card.metrics.items()
    }
    for _ in range(2):
        done = joined.metier("prompts", "import", ".", "--book", "book", cwd=folder)
        assert done.stdout.strip() == "docs.prompt 1", done.stderr
    kept = Gallery(Book(folder / "book")).get("docs.prompt", "")
    assert kept.variables == ("text",) and set(kept.enum) == set(joined.PACKAGES)
    assert len(kept.scores) == len(prompt.scores)
    shown = kept.filled({"text": card.items[0].input})
    assert [one["content"] for one in shown] == [m.content for m in card.items[0].answer.prompt]


def test_an_imported_prompt_answers_with_one_of_its_labels(gateway):
    words = ("yes", "no")
    asked = ({"role": "user", "content": "Is {{text}} blue?"},)
    Gallery(gateway.book).add(Prompt("blue", 0, asked, words))
    with serving(gateway) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        extra = {"prompt": {"id": "blue", "variables": {"text": "the sky"}}}
        made = client.chat.completions.create(model="fake", messages=[], extra_body=extra)
        assert made.choices[0].message.content in words


@given(TEXTS, TEXTS)
def test_values_are_put_in_as_they_are(first, second):
    prompt = Prompt("p", 1, ({"role": "user", "content": "a {{x}} b {{ y }} c"},))
    told = prompt.filled({"x": first, "y": second})[0]["content"]
    assert told == f"a {first} b {second} c"


def test_values_that_look_like_variables_stay_as_they_are():
    prompt = Prompt("p", 1, ({"role": "user", "content": "{{x}}{{y}}"},))
    assert prompt.filled({"x": "{{y}}", "y": "{{x}}"})[0]["content"] == "{{y}}{{x}}"
    with pytest.raises(DataError, match="'z' is not among them"):
        prompt.filled({"x": "", "y": "", "z": ""})


def test_the_fake_is_asked_what_the_prompt_says(gateway, monkeypatch):
    seen = []
    generate = FakeModel.generate
    monkeypatch.setattr(
        FakeModel,
        "generate",
        lambda self, batch, config: seen.extend(batch) or generate(self, batch, config),
    )
    Gallery(gateway.book).add(Prompt("p", 0, tuple(GREETING)))
    with serving(gateway) as url:
        body = {
            "model": "fake",
            "prompt": {"id": "p", "variables": {"who": "Bo", "language": "Thai"}},
            "messages": [{"role": "user", "content": "Now."}],
        }
        assert httpx.post(f"{url}/chat/completions", json=body).status_code == 200
    assert [turn.content for turn in seen[0]] == ["Be brief.", "Greet Bo in Thai.", "Now."]
