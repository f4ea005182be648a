"""A request answered by a plan, over HTTP."""

import json
import time

import openai
import pytest

from tests.serving.answering.asking import TEXTS, ask

ROWS = [json.dumps({"month": month, "tons": tons}) for month, tons in (("May", 40), ("June", 70))]
REQUEST = "Plot the mill's tons per month."


def plan(client, *, stream=False, **option):
    body = {"plan": option}
    return ask(client, REQUEST, tools=openai.NOT_GIVEN, stream=stream, extra_body=body)


def test_a_plan_is_made_told_and_carried_out(start):
    client, _, _ = start("bar", "tons", "month", *ROWS, TEXTS[1])
    answer = plan(client, template="chart")
    message = answer.choices[0].message
    assert message.content == TEXTS[1]
    assert message.plan["slots"] == {"chart": "bar", "measure": "tons", "what": "month"}
    assert [node["id"] for node in message.nodes] == ["find", "read", "draw", "answer"]
    assert {one["name"] for one in message.artifacts} == {"chart.png", "rows.csv"}
    assert message.artifacts[0]["node"] == "draw" and message.grounding["groundingSupports"]
    assert answer.usage.completion_tokens == 30


def test_a_plan_can_be_looked_at_changed_and_sent_back(start):
    client, _, _ = start("bar", "tons", "month", *ROWS)
    told = plan(client, template="chart", only=True).choices[0].message
    assert told.content.splitlines()[:2] == ["find: retrieve", "read: extract of find"]
    assert not hasattr(told, "nodes")
    nodes = told.plan["nodes"][:2]
    settings = {"operation": "sum", "column": "tons"}
    nodes.append({"id": "sum", "kind": "query", "settings": settings, "inputs": ["read"]})
    message = plan(client, nodes=nodes).choices[0].message
    assert message.content == "sum of tons: 110.0, rows: 2"
    nodes[2]["inputs"] = ["find"]
    with pytest.raises(openai.BadRequestError, match="query reads rows"):
        plan(client, nodes=nodes)
    with pytest.raises(openai.BadRequestError, match="no template 'other'"):
        plan(client, template="other")


def test_each_node_of_a_plan_is_logged(start):
    client, _, _ = start("bar", "tons", "month", *ROWS, TEXTS[1])
    answer = plan(client, template="chart")
    logged = client.get(f"/steps/{answer.id}", cast_to=object)["data"]
    told = [(step["place"], step["tool"], bool(step["failed"])) for step in logged]
    kinds = ("retrieve", "extract", "run", "summarise")
    assert told == [(place, kind, False) for place, kind in enumerate(kinds, start=1)]
    assert json.loads(logged[0]["arguments"])["node"] == "find" and logged[3]["result"] == TEXTS[1]


def test_a_plan_keeps_to_its_budget(start):
    client, _, _ = start()
    nodes = [
        {"id": "f", "kind": "retrieve", "settings": {"query": "mill"}, "inputs": []},
        {"id": "s", "kind": "summarise", "settings": {"instruction": "i"}, "inputs": ["f"]},
    ]
    body = {"plan": {"nodes": nodes}, "tool_budget": {"steps": 1}}
    message = ask(client, tools=openai.NOT_GIVEN, extra_body=body).choices[0].message
    assert message.stopped_by == "steps" and len(message.nodes) == 1


def test_a_stream_tells_the_plan_then_every_node_as_it_is_done(start):
    client, _, _ = start("bar", "tons", "month", *ROWS, TEXTS[1])
    chunks = list(plan(client, stream=True, template="chart"))
    told = [set(c.choices[0].delta.model_extra) & {"plan", "nodes"} for c in chunks if c.choices]
    assert [next(iter(one)) for one in told if one] == ["plan", *["nodes"] * 4]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    nodes = [node for delta in deltas for node in delta.model_extra.get("nodes", [])]
    assert [(node["index"], node["id"]) for node in nodes] == [
        *((0, "find"), (1, "read"), (2, "draw"), (3, "answer"))
    ]
    files = [one for delta in deltas for one in delta.model_extra.get("artifacts", [])]
    assert {one["name"] for one in files} == {"chart.png", "rows.csv"}
    assert [one["index"] for one in files] == [0, 1]
    assert "".join(delta.content or "" for delta in deltas) == TEXTS[1]
    assert any("grounding" in delta.model_extra for delta in deltas)


def test_the_clients_own_helper_puts_a_streamed_plan_together(start):
    client, _, _ = start("bar", "tons", "month", *ROWS, TEXTS[1])
    with client.chat.completions.stream(
        model="scripted",
        messages=[{"role": "user", "content": REQUEST}],
        extra_body={"plan": {"template": "chart"}},
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [node["id"] for node in message.nodes] == ["find", "read", "draw", "answer"]
    assert message.plan["slots"]["chart"] == "bar" and message.content == TEXTS[1]


def test_a_plan_with_faults_is_refused_before_its_stream_begins(start):
    client, _, _ = start()
    nodes = [{"id": "q", "kind": "query", "settings": {"operation": "sum"}, "inputs": []}]
    with pytest.raises(openai.BadRequestError, match="the plan cannot be run"):
        plan(client, stream=True, nodes=nodes)


@pytest.mark.parametrize("stream", [False, True])
def test_a_plan_that_nobody_waits_for_is_logged_though_no_model_was_asked(start, stream):
    client, _, gateway = start()
    slow = {"id": "s", "kind": "run", "settings": {"code": "import time; time.sleep(2)"}}
    if stream:
        with plan(client, stream=True, nodes=[slow]) as chunks:
            next(chunks)
    else:
        with pytest.raises(openai.APITimeoutError):
            plan(client.with_options(timeout=0.5), nodes=[slow])
    while not (rows := gateway.book.history("")):  # the test's time-out would end it
        time.sleep(0.02)
    assert (rows[0]["status"], rows[0]["prompt_tokens"]) == (499, 0)
