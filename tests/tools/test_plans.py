"""Plans: made under constraints, checked, run within a budget, changed and run again."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from metier.cli.main import app
from metier.errors import DataError
from metier.models.engines.fake import FakeModel
from metier.models.registry import LocalModels
from metier.retrieval.store.index import Index
from metier.tools.plans.execute import run_plan, usage_of
from metier.tools.plans.folder import PlanFolder
from metier.tools.plans.graph import GIVES, SETTINGS, TAKES, problems
from metier.tools.plans.nodes import Bench
from metier.tools.plans.planning import make_plan
from metier.tools.plans.templates import TEMPLATES
from metier.tools.python import PythonTool
from metier.tools.search import SearchTool
from metier.types import Budget, Chunk, Passage, Plan, PlanNode, Span
from tests.tools.released import write_release
from tests.tools.scripted import Scripted, store

TEXTS = ["The mill ground 40 tons in May.", "The mill ground 70 tons in June."]
REQUEST = "Plot the mill's tons per month as a chart."
ROWS = [json.dumps({"month": month, "tons": tons}) for month, tons in (("May", 40), ("June", 70))]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return store(tmp_path_factory.mktemp("plans") / "index", TEXTS)


def bench(index, *texts):
    return Bench(Scripted(*texts), {"search": SearchTool(index, k=2), "python": PythonTool()})


def chart_plan():
    made = make_plan(REQUEST, Scripted("bar", "tons", "month"), template="chart")
    return made


def test_a_template_is_filled_with_words_that_may_stand_there():
    model = Scripted("chart", "line", "tons", "month")
    plan = make_plan(REQUEST, model)
    assert (plan.template, plan.slots) == (
        "chart",
        {"chart": "line", "what": "month", "measure": "tons"},
    )
    assert [node.kind for node in plan.nodes] == ["retrieve", "extract", "run", "summarise"]
    assert problems(plan) == []
    offered = [config.choices for _, config in model.asked]
    assert offered[2] == ("mill", "tons", "month")
    assert offered[3] == ("mill", "month", "title")
    assert plan.usage.prompt_tokens == 40


@settings(max_examples=15)
@given(st.text(max_size=80))
def test_every_request_becomes_a_plan_that_can_be_run(request_text):
    for name in TEMPLATES:
        plan = make_plan(request_text or "?", FakeModel(), template=name)
        assert problems(plan) == []


def test_faults_of_a_plan_are_all_told():
    plan = Plan(
        "r",
        (
            PlanNode("a", "retrieve", {"query": "x"}),
            PlanNode("a", "query", {"operation": "guess"}, ("a",)),
            PlanNode("c", "summarise", {"instruction": "i"}, ("later",)),
            PlanNode("d", "extract", {"fields": [{"name": "n", "type": "text"}]}),
        ),
    )
    told = "\n".join(problems(plan))
    for part in ("taken", "guess", "query reads rows, and 'a' gives passages", "no earlier node"):
        assert part in told
    assert "extract needs an input" in told
    with pytest.raises(DataError, match="cannot be run"):
        run_plan(plan, Bench(FakeModel(), {}))


def test_kinds_are_described_completely():
    assert set(GIVES) == set(TAKES) == set(SETTINGS)


def test_a_chart_is_drawn_with_its_data_and_passages(index):
    run = run_plan(chart_plan(), bench(index, *ROWS, TEXTS[1]))
    assert run.stopped_by == "" and run.answer == TEXTS[1]
    drawn = next(result for result in run.results if result.node == "draw")
    made = {one.name: one.content for one in drawn.artifacts}
    assert made["chart.png"].startswith(b"\x89PNG") and b"passage" in made["chart.png"]
    assert made["rows.csv"].decode().splitlines()[0] == "month,tons,passage"
    assert sorted(line.split(",")[2] for line in made["rows.csv"].decode().splitlines()[1:]) == [
        "c0",
        "c1",
    ]
    assert run.grounding.supports[0].chunks
    assert usage_of(run).completion_tokens == 15 + 15


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"operation": "sum", "column": "tons"}, {"sum of tons": 110.0, "rows": 2}),
        ({"operation": "mean", "column": "tons"}, {"mean of tons": 55.0, "rows": 2}),
        ({"operation": "count"}, {"count": 2}),
        ({"operation": "max", "column": "tons", "by": "mill"}, {"mill": "None"}),
        ({"operation": "descending", "column": "tons"}, {"month": "June"}),
    ],
)
def test_rows_are_reckoned_by_us_and_not_by_the_model(how, expected, index):
    plan = chart_plan()
    nodes = (*plan.nodes[:2], PlanNode("q", "query", how, ("read",)))
    run = run_plan(Plan("r", nodes), bench(index, *ROWS))
    row = run.results[-1].rows[0]
    assert expected.items() <= row.items()


def test_what_documents_say_in_columns_is_not_asked_of_the_model(index, monkeypatch):
    model = Scripted("text")
    search = SearchTool(index, k=1)
    found = index.search(["mill"], 1)[0][0]
    known = type(found)(found.chunk, 1.0, metadata={"tons": "1,200 t"})
    monkeypatch.setattr(index, "search", lambda questions, k, scope=None: [[known]])
    nodes = (
        PlanNode("find", "retrieve", {"query": "q"}),
        PlanNode("read", "extract", {"fields": [{"name": "tons", "type": "number"}]}, ("find",)),
        PlanNode("sum", "query", {"operation": "sum", "column": "tons"}, ("read",)),
    )
    run = run_plan(Plan("r", nodes), Bench(model, {"search": search}))
    assert run.results[-1].rows[0]["sum of tons"] == 1200.0 and not model.asked


def test_a_changed_node_is_done_again_with_what_rests_on_it(index, tmp_path):
    folder = PlanFolder(tmp_path / "plan")
    folder.save(chart_plan())
    first = run_plan(folder.plan(), bench(index, *ROWS, "one"), on_result=folder.keep)
    again = run_plan(folder.plan(), bench(index), earlier=folder.results())
    assert again.reused == ("find", "read", "draw", "answer") and again.answer == "one"
    assert again.results[2].artifacts == first.results[2].artifacts
    pie = PlanNode("draw", "run", {"chart": "pie", "x": "month", "y": "tons"}, ("read",))
    find, read, _, answer = folder.plan().nodes
    changed = replace(folder.plan(), nodes=(find, read, pie, answer))
    run = run_plan(changed, bench(index), earlier=folder.results())
    assert run.reused == ("find", "read", "answer")


def test_a_run_that_was_stopped_goes_on(index, tmp_path):
    folder = PlanFolder(tmp_path / "plan")
    budget = Budget(steps=2)
    run = run_plan(chart_plan(), bench(index, *ROWS), budget=budget, on_result=folder.keep)
    assert (run.stopped_by, len(run.results)) == ("steps", 2)
    rest = run_plan(chart_plan(), bench(index, "done"), earlier=folder.results())
    assert rest.reused == ("find", "read") and rest.answer == "done"


def test_a_run_may_rest_on_one_that_wrote_into_a_folder_of_its_own(index):
    wrote = (
        "import os; os.mkdir('out'); open('out/a.txt', 'w').write('a'); open('b', 'w').write('b')"
    )
    plan = Plan(
        REQUEST,
        (
            PlanNode("w", "run", {"code": wrote}),
            PlanNode("r", "run", {"code": "print(open('b').read() * 3)"}, ("w",)),
        ),
    )
    run = run_plan(plan, bench(index))
    assert {"out/a.txt", "b"} <= {artifact.name for artifact in run.results[0].artifacts}
    assert "bbb" in run.answer and not run.results[1].failed


def test_budgets_of_tokens_and_seconds_end_a_run(index):
    spent = run_plan(chart_plan(), bench(index, *ROWS), budget=Budget(tokens=60))
    assert (spent.stopped_by, len(spent.results)) == ("tokens", 2)
    late = run_plan(chart_plan(), bench(index), budget=Budget(seconds=0))
    assert (late.stopped_by, late.results) == ("seconds", ())


def test_a_failed_step_ends_the_run_and_says_why(index):
    nothing = json.dumps({"month": None, "tons": None})
    run = run_plan(chart_plan(), bench(index, nothing, nothing))
    assert run.stopped_by == "failure" and run.answer == "No passage has these fields."


def test_a_capable_model_plans_freely_and_is_told_its_faults():
    good = {
        "nodes": [
            {"id": "f", "kind": "retrieve", "settings": {"query": "mill"}, "inputs": []},
            {"id": "s", "kind": "summarise", "settings": {"instruction": "i"}, "inputs": ["f"]},
        ]
    }
    bad = {"nodes": [good["nodes"][1]]}
    model = Scripted(json.dumps(bad), json.dumps(good))
    plan = make_plan("r", model, template="free")
    assert [node.id for node in plan.nodes] == ["f", "s"] and plan.template == ""
    assert "no earlier node" in model.asked[1][0][-1].content
    assert model.asked[0][1].json_schema is not None
    with pytest.raises(DataError, match="wrote no plan"):
        make_plan("r", Scripted(json.dumps(bad), "{"), template="free")
    with pytest.raises(DataError, match="no template 'other'"):
        make_plan("r", FakeModel(), template="other")


def test_the_command_plans_runs_and_runs_again(tmp_path, fakes):
    place = write_release(tmp_path / "release")
    out = tmp_path / "out"

    def plan(*words):
        return CliRunner().invoke(app, ["plan", str(place), *words, "--out", str(out)])

    shown = plan("Who is the king?", "--template", "answer", "--only-plan")
    assert "find: retrieve: query Who is the king?" in shown.output
    assert not (out / "results").exists()
    done = json.loads(plan("--json").stdout)
    assert [result["node"] for result in done["results"]] == ["find", "answer"]
    assert (out / "answer.md").read_text(encoding="utf-8").strip() == done["answer"]
    again = plan()
    assert "answer (kept)" in again.stdout
    written = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    written["nodes"][1]["settings"]["instruction"] = "In one word."
    (out / "plan.json").write_text(json.dumps(written), encoding="utf-8")
    changed = json.loads(plan("--json").stdout)
    assert changed["reused"] == ["find"]


@pytest.mark.models
def test_the_embedded_model_fills_a_template_and_the_chart_has_the_right_numbers(tmp_path):
    models = LocalModels()
    index = Index.create(tmp_path / "index", models.embedder("all-minilm-l6-v2"))
    index.upsert(
        Passage(Chunk(month, text, 0, len(text), Span(month, 0, len(text)), month))
        for month, tons in (("May", 40), ("June", 70))
        for text in [f"In {month} the mill at Harrow ground {tons} tons of wheat."]
    )
    model = models.language_model("smollm2-135m-instruct")
    tools = {"search": SearchTool(index, k=3), "python": PythonTool()}
    plan = make_plan("Draw a bar chart of the tons by month.", model)
    assert (plan.template, plan.slots["chart"], plan.slots["measure"]) == ("chart", "bar", "tons")
    run = run_plan(plan, Bench(model, tools), budget=Budget(steps=3))
    drawn = run.results[-1]
    assert sorted(row["tons"] for row in drawn.rows) == [40.0, 70.0]
    assert {artifact.name for artifact in drawn.artifacts} == {"chart.png", "rows.csv"}


@pytest.mark.parametrize("operation", ["sum", "mean", "max", "descending"])
@pytest.mark.parametrize("said", ['"Nan Goldin"', '"Infinity Ltd"', "1e999", "1e308", "1" * 400])
def test_what_is_no_number_that_json_can_tell_is_none(index, operation, said):
    plan = Plan(
        REQUEST,
        (
            PlanNode("a", "retrieve", {"query": "mill"}),
            PlanNode("b", "extract", {"fields": [{"name": "t", "type": "number"}]}, ("a",)),
            PlanNode("c", "query", {"operation": operation, "column": "t"}, ("b",)),
        ),
    )
    run = run_plan(plan, bench(index, *[f'{{"t": {said}}}'] * 2))
    json.dumps([dict(row) for result in run.results for row in result.rows], allow_nan=False)
    told = operation in ("max", "descending") and said == "1e308"
    assert run.results[-1].failed is not told
