"""A teacher behind an endpoint: its faults lose nothing and keep nothing unverified."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

import metier
from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.personas import spoken
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.run import Parts, generate
from metier.dataset.generate.writers.answer import read_answer
from metier.dataset.generate.writers.ask import read_question
from metier.dataset.generate.writers.teacher import Reply
from metier.errors import EndpointError
from metier.models.engines.fake import FakeEmbedder
from metier.models.engines.openai import OpenAIModel
from metier.models.registry import LocalModels
from metier.settings import generation_plan, remote_settings
from tests import joined
from tests.dataset.generate.teacher_server import is_answerer, said, teacher
from tests.dataset.generate.texts import documents

MENU = {"factual": 6}


class Remote:
    """The endpoint as the language model, the fake embedder beside it."""

    def __init__(self, url, **settings):
        self.model = OpenAIModel("m", base_url=url, **settings)

    def language_model(self, name, *, adapter=None):
        return self.model

    def embedder(self, name):
        return FakeEmbedder()


def plan(**more):
    return GenerationPlan("m", "m", patterns=0, menu=MENU, give_up=0.0, **more)


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")


def run(serve, fault=None, chosen=None, project=None, **settings):
    app = teacher(fault)
    models = Remote(serve(app), **settings)
    made = metier.docs_to_qa(documents(), chosen or plan(), models=models, project=project)
    return made, app.state.seen


def test_a_teacher_writes_verified_rows_with_their_provenance(serve):
    made, seen = run(
        serve, chosen=plan(asker_persona="You are {a} paralegal of $subject, 100 % {}")
    )
    assert made.accepted
    for row in made.accepted:
        assert row.provenance.generator.startswith("openai:m@")
        assert row.provenance.persona.startswith("You are {a} paralegal of The ")
        assert row.provenance.persona.endswith("100 % {}")
        assert row.provenance.answerer_persona.startswith("You are a careful expert who answers")
        assert row.provenance.prompt and row.provenance.chunk_hash
        assert [v.check for v in row.verdicts][-3:] == ["support", "round trip", "duplicate"]
    askers = [one for one in seen if not is_answerer(one)]
    assert not any("quotes" in json.dumps(one) for one in askers)  # never sees an answer


def test_all_questions_on_a_passage_begin_alike(serve):
    _, seen = run(serve)
    for role in (True, False):
        prompts = [one["messages"] for one in seen if is_answerer(one) == role]
        assert len({(p[0]["content"], p[1]["content"][:200]) for p in prompts}) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I think the harbour was lovely.", "no evidence is given"),
        ("I'm sorry, but I cannot help with that.", "the model refused"),
        ("yes yes yes yes yes yes yes yes", "the model repeats itself"),
        (
            '{"quotes": ["The moon is made of green cheese, he said."], "answer": "green cheese"}',
            "the evidence is not in the source",
        ),
        ('{"quotes": [1], "answer": {}}', "the JSON has another form"),
        ('{"quotes": ["The Harbour', "the JSON is cut off"),
        ('{"quotes": ["x"], "answer": ""}', "the answer is empty"),
        ("", "the answer is empty"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(serve, text, reason):
    def fault(number, asked):
        return (200, said(text)) if is_answerer(asked) and "Harbour" in json.dumps(asked) else None

    made, _ = run(serve, fault)
    assert reason in made.report.rejected
    assert {row.provenance.document for row in made.accepted} == {"quarry"}


def test_json_inside_prose_is_repaired():
    fenced = 'Sure! ```json\n{"quotes": ["A b c."], "answer": "b"}\n``` Anything else?'
    assert read_answer(Reply(fenced, "k")) == ("b", ("A b c.",), None)
    assert read_answer(Reply("Only in 1911", "k")) == ("Only in 1911", (), None)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Question 1: Who led the inquiry?", "According to X, who led the inquiry?"),
        ("**Who led it in 1911?** Because", "According to X, who led it in 1911?"),
        ("I will not ask.", None),
        (None, None),
    ],
)
def test_a_question_is_found_in_what_the_asker_wrote(text, question):
    assert read_question(text, "X") == question


def test_a_busy_endpoint_is_waited_for(serve):
    def fault(number, asked):
        return (503 if number % 2 else 429, {"error": {"message": "busy"}}) if number < 5 else None

    made, _ = run(serve, fault)
    assert made.report.failed == 0
    assert made.accepted


def test_a_request_that_stays_unanswered_is_asked_by_the_next_run(serve, tmp_path):
    down = [True]

    def fault(number, asked):
        return (500, {}) if down[0] and number in (2, 3) else None

    app = teacher(fault)
    models = Remote(serve(app), retries=0, concurrency=1)
    first = metier.docs_to_qa(documents(), plan(), models=models, project=tmp_path)
    assert first.report.failed == 2
    assert first.report.rejected["the model did not answer"] == 2
    down[0] = False
    again = metier.docs_to_qa(documents(), plan(), models=models, project=tmp_path)
    assert again.report.failed == 0
    assert again.report.remembered == first.report.asked
    assert "the model did not answer" not in again.report.rejected


def test_a_teacher_that_times_out_loses_nothing_and_keeps_nothing_unverified(serve, tmp_path):
    slow = [True]

    def fault(number, asked):
        if slow[0] and number == 2:
            time.sleep(1.5)

    app = teacher(fault)
    models = Remote(serve(app), timeout=0.4, retries=0, concurrency=1)
    first = metier.docs_to_qa(documents(), plan(), models=models, project=tmp_path)
    assert first.report.failed == 1
    assert first.report.rejected["the model did not answer"] == 1
    slow[0] = False
    patient = Remote(models.model._url, timeout=30.0)
    again = metier.docs_to_qa(documents(), plan(), models=patient, project=tmp_path)
    assert again.report.failed == 0
    assert "the model did not answer" not in again.report.rejected


def test_a_recipe_says_how_long_and_how_often_a_remote_model_is_asked(tmp_path):
    text = 'name = "x"\n[task]\nkind = "short_answer"\ninstruction = "Answer."\n'
    text += '[[sources]]\nkind = "table"\npath = "x.csv"\n'
    text += '[generate]\nteacher = "openai:m@http://localhost:1/v1"\ntimeout = 2.5\nretries = 1\n'
    text += 'checker = "teacher"\n'
    (tmp_path / "metier.toml").write_text(text)
    recipe = metier.read_recipe(tmp_path / "metier.toml")
    assert remote_settings(recipe) == {"timeout": 2.5, "retries": 1}
    assert generation_plan(recipe).checker == "openai:m@http://localhost:1/v1"
    model = OpenAIModel.named(recipe.generate.teacher, **remote_settings(recipe))
    assert (model._client.timeout, model._client.max_retries) == (2.5, 1)


def test_an_endpoint_that_is_down_stops_the_run(serve, tmp_path):
    with pytest.raises(EndpointError, match="run again when the endpoint is back"):
        run(
            serve,
            lambda number, asked: (500, {}),
            replace(plan(), menu={"factual": 20}),
            tmp_path,
            retries=0,
        )


def test_a_changed_document_asks_only_about_itself(serve, tmp_path):
    app = teacher()
    models = Remote(serve(app))
    metier.docs_to_qa(documents(), plan(), models=models, project=tmp_path)
    before = len(app.state.seen)
    first, second = documents()
    changed = replace(second, text=second.text.replace("1875", "1876"))
    metier.docs_to_qa([first, changed], plan(), models=models, project=tmp_path)
    asked = app.state.seen[before:]
    assert asked
    assert all("Quarry" in json.dumps(one) for one in asked)


def test_braces_and_dollars_in_a_persona_are_left_alone():
    assert spoken("{x} {} {0} %s $5 $subject ${other}", "S") == "{x} {} {0} %s $5 S ${other}"


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.writers.ledger import ProjectLedger
from metier.dataset.generate.run import Parts, generate
from metier.store import Project
from tests.dataset.generate.writers.test_teacher import Remote, plan
from tests.dataset.generate.texts import documents
parts = Parts(Remote({url!r}, concurrency=2), ProjectLedger(Project(Path({project!r}))))
made = generate(MemoryCorpus(documents()), plan(batch=4), parts)
print(len(made.accepted), made.report.asked)
"""


def test_killed_at_any_moment_it_asks_no_answered_request_again(serve, tmp_path):
    app = teacher(slow=0.05)
    url = serve(app)
    here = str(joined.SOURCE.parent)
    code = KILLED.format(here=here, url=url, project=str(tmp_path))
    command = [sys.executable, "-c", code]
    seen = app.state.seen
    for requests in (5,):
        process = subprocess.Popen(command, env=joined.environment())
        while len(seen) < requests and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        assert process.wait() in (-signal.SIGKILL, 0)
    done = subprocess.run(command, env=joined.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    whole = generate(MemoryCorpus(documents()), plan(batch=4), Parts(Remote(url)))
    assert int(done.stdout.split()[0]) == len(whole.accepted)
    bodies = [json.dumps(one, sort_keys=True) for one in seen[: len(seen) - whole.report.asked]]
    # What was under way at a kill had no answer yet: at most the two connections of the kill.
    assert len(bodies) - len(set(bodies)) <= 2


@pytest.mark.models
def test_the_embedded_model_teaches_behind_the_official_protocol(serve):
    from tests.models.server import app_around

    local = LocalModels()
    name = "smollm2-135m-instruct"
    url = serve(app_around(local.language_model(name)))
    one_line = f"openai:{name}@{url}"
    chosen = GenerationPlan(one_line, one_line, menu={"factual": 1})
    made = metier.docs_to_qa(documents()[:1], chosen, models=local)
    assert made.report.asked >= 1
    assert made.report.failed == 0
    assert sum(row.provenance.generator == "pattern" for row in made.accepted) >= 3
    by_model = [row for row in (*made.accepted, *made.rejected) if row.provenance.prompt]
    assert len(by_model) == 1
    assert all(row.provenance.generator == one_line for row in by_model)
    assert all(row.dropped or all(v.passed for v in row.verdicts) for row in by_model)
