"""A model that calls the server's tools, asked by the official client."""

import json
import time

import httpx
import openai
import pytest

from metier.serving.gate.access import create_key
from metier.serving.records.shelf import Shelf
from metier.types import Artifact, Budget
from tests.serving.answering.asking import SERVED, ask

PLOT = """
import json, re
import matplotlib.pyplot as plt
rows = json.load(open("passages.json"))
tons = [int(re.search(r"\\d+", row["text"])[0]) for row in rows]
plt.bar(range(len(tons)), tons)
plt.show()
print(tons)
"""
CLIENTS = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def called(name, **arguments):
    return json.dumps({"name": name, "arguments": arguments})


def test_plot_this_gives_a_picture_with_its_data_and_citations(start):
    client, model, _ = start(
        called("search", query="mill tons"),
        called("python", code=PLOT),
        json.dumps({"content": "The mill ground 70 tons in June."}),
    )
    answer = ask(client)
    message = answer.choices[0].message
    assert message.content == "The mill ground 70 tons in June."
    assert [step["tool"] for step in message.steps] == ["search", "python"]
    assert "[40, 70]" in message.steps[1]["result"] or "[70, 40]" in message.steps[1]["result"]
    made = {one["name"]: one for one in message.artifacts}
    assert set(made) == {"passages.json", "figure-1.png"}
    assert sorted(made["figure-1.png"]["cited"]) == ["c0", "c1"]
    assert message.grounding["groundingSupports"] and message.grounding["webSearchQueries"]
    root = str(client.base_url).removesuffix("/v1/")
    picture = httpx.get(root + made["figure-1.png"]["url"])
    assert picture.content.startswith(b"\x89PNG") and picture.headers["content-type"] == "image/png"
    assert (
        "attachment"
        in httpx.get(root + made["passages.json"]["url"]).headers["content-disposition"]
    )
    assert answer.usage.prompt_tokens == 30 and answer.usage.completion_tokens == 15
    told = [message.content for message in model.asked[2][0]]
    assert any("The mill ground 70 tons in June." in text for text in told)
    steps = httpx.get(f"{root}/v1/steps/{answer.id}").json()["data"]
    assert [step["tool"] for step in steps] == ["search", "python"]
    assert "figure-1.png" in steps[1]["result"]


def test_an_error_of_a_tool_is_told_and_the_model_may_try_again(start):
    client, _, _ = start(
        called("python", code="1 / 0"),
        called("python", code="6 * 7"),
        json.dumps({"content": "42"}),
    )
    message = ask(client).choices[0].message
    assert [step["failed"] for step in message.steps] == [True, False]
    assert message.content == "42"


def test_the_clients_own_functions_still_come_back_to_it(start):
    client, _, _ = start(called("python", code="1"), called("weather"))
    choice = ask(client, tools=[*SERVED, CLIENTS]).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls[0].function.name == "weather"
    assert [step["tool"] for step in choice.message.steps] == ["python"]


def test_a_budget_of_steps_ends_in_an_answer_without_tools(start):
    client, model, _ = start(
        *[called("python", code=c) for c in "12"], '{"content": "eno\\u00fcgh"}'
    )
    message = ask(client, extra_body={"tool_budget": {"steps": 2}}).choices[0].message
    assert (message.content, message.stopped_by, len(message.steps)) == ("enoügh", "steps", 2)
    assert list(model.asked[2][1].json_schema["properties"]) == ["content"]


def test_a_model_that_repeats_itself_is_made_to_answer(start):
    client, _, _ = start(*[called("python", code="1")] * 2, '{"content": "cut off \\u00')
    message = ask(client).choices[0].message
    assert (message.content, message.stopped_by) == ("cut off ", "repetition")


def test_budgets_of_tokens_and_of_the_operator_hold(start):
    client, _, _ = start("nothing called", budget=Budget(steps=0))
    options = {"tool_budget": {"steps": 5}}
    assert ask(client, extra_body=options).choices[0].message.stopped_by == "steps"


def test_tokens_that_are_spent_end_it(start):
    client, model, _ = start(called("python", code="1"), "short")
    message = ask(client, extra_body={"tool_budget": {"tokens": 70}}).choices[0].message
    assert message.stopped_by == "tokens" and message.content == "short"
    assert model.asked[0][1].max_new_tokens == 70


def test_the_clients_own_limit_holds_in_a_tool_loop_too(start):
    client, model, _ = start("short")
    ask(client, max_tokens=8)
    assert model.asked[0][1].max_new_tokens == 8


def test_a_tool_that_takes_longer_than_there_is_time_is_given_up(start):
    client, _, _ = start(called("python", code="import time; time.sleep(3)"), "late")
    message = ask(client, extra_body={"tool_budget": {"seconds": 0.5}}).choices[0].message
    assert "no time left" in message.steps[0]["result"] and message.stopped_by == "seconds"


def test_a_stream_gives_the_answer_and_its_steps(start):
    client, _, _ = start(called("python", code="6 * 7"), json.dumps({"content": "It is 42."}))
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "It is 42."
    assert [d.steps[0]["tool"] for d in deltas if getattr(d, "steps", None)] == ["python"]
    assert chunks[-1].usage.completion_tokens == 10


def test_unknown_tools_and_contradictions_are_refused(start):
    client, _, _ = start()
    with pytest.raises(openai.BadRequestError, match="there are: python, search"):
        ask(client, tools=[{"type": "metier", "name": "shell"}])
    with pytest.raises(openai.BadRequestError, match="one form of answer"):
        ask(client, extra_body={"enum": ["a"]})


def test_steps_lead_to_one_answer_so_several_are_refused(start):
    client, model, _ = start()
    nodes = [{"id": "f", "kind": "retrieve", "settings": {"query": "mill"}}]
    with pytest.raises(openai.BadRequestError, match="leave n out") as refused:
        ask(client, n=2)
    assert refused.value.param == "n" and model.asked == []
    with pytest.raises(openai.BadRequestError, match="leave n out"):
        ask(client, n=2, tools=openai.NOT_GIVEN, extra_body={"plan": {"nodes": nodes}})


def test_an_artifact_is_its_tenants_alone(start):
    client, _, gateway = start()
    mine, theirs = (create_key(gateway.book, name, tenant=name) for name in ("acme", "other"))
    shelf = gateway.toolbox.shelf
    id = shelf.put(Artifact("a.html", "text/html", b"<b>"), tenant="acme", request="r")
    url = f"{client.base_url}artifacts/{id}"
    got = httpx.get(url, headers={"authorization": f"Bearer {mine}"})
    assert got.content == b"<b>" and "sandbox" in got.headers["content-security-policy"]
    assert httpx.get(url, headers={"authorization": f"Bearer {theirs}"}).status_code == 404
    assert httpx.get(url).status_code == 401


def test_the_oldest_artifacts_go_when_a_tenant_has_too_many(tmp_path):
    shelf = Shelf(tmp_path / "shelf", most_bytes=250)
    ids = [
        shelf.put(Artifact(f"{n}", "text/plain", bytes(100)), tenant="a", request="r")
        for n in range(3)
    ]
    other = shelf.put(Artifact("b", "text/plain", bytes(200)), tenant="b", request="r")
    assert [shelf.get(id, "a") is not None for id in ids] == [False, True, True]
    assert shelf.get(other, "b") is not None and shelf.get(other, "a") is None
    shelf.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_ends_the_loop(start, stream):
    slow = called("python", code="import time; time.sleep(2)")
    client, model, gateway = start(slow, slow, slow)
    if stream:
        with ask(client, stream=True) as chunks:
            next(chunks)
    else:
        with pytest.raises(openai.APITimeoutError):
            ask(client, timeout=1)
    while not gateway.book.history(""):  # the test's time-out would end it
        time.sleep(0.05)
    assert gateway.book.history("")[0]["status"] == 499
    gateway.toolbox.workers.shutdown()  # the call that was under way
    assert len(model.asked) == 1


def test_what_the_model_wrote_between_its_tools_counts_when_the_client_leaves(start):
    client, _, gateway = start(
        called("python", code="import time; time.sleep(3)"), json.dumps({"content": "done"})
    )
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=1))
    while not (rows := gateway.book.history("")):
        time.sleep(0.02)
    assert rows[0]["status"] == 499
    assert (rows[0]["prompt_tokens"], rows[0]["completion_tokens"]) == (10, 5)


def test_a_response_calls_the_servers_tools_too(start):
    client, _, _ = start(called("python", code="print(6 * 7)"), json.dumps({"content": "42"}))
    made = client.responses.create(model="scripted", input="6 by 7?", tools=SERVED)
    assert made.output_text == "42"
    assert [step["tool"] for step in made.output[0].steps] == ["python"]
    logged = client.get(f"/steps/{made.id}", cast_to=object)["data"]
    assert [step["tool"] for step in logged] == ["python"]


def test_the_log_of_steps_keeps_no_personal_data(start):
    phone, mail = "+41 44 668 18 00", "joe@example.org"
    client, _, _ = start(
        json.dumps({"name": "python", "arguments": {"code": f"'''\n{phone}\n{mail}'''"}}),
        json.dumps({"content": "done"}),
    )
    answer = ask(client)
    step = client.get(f"/steps/{answer.id}", cast_to=object)["data"][0]
    assert "[phone]" in step["arguments"] and "[email]" in step["result"]
    assert not [one for one in (phone, mail) if one in step["arguments"] + step["result"]]


@pytest.mark.parametrize("reply", ['{"name": "Ada", "born": 1815}', ""])
def test_a_reply_that_looks_like_a_call_is_none(start, reply):
    said = json.dumps({"content": reply})
    client, _, _ = start(*[called("python", code="42"), said] * 3)
    both = [*SERVED, CLIENTS]
    choice = ask(client, tools=both).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("stop", reply)
    assert not choice.message.tool_calls
    chunks = list(ask(client, tools=both, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == reply
    assert chunks[-1].choices[0].finish_reason == "stop"
    flat = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    made = client.responses.create(model="scripted", input="?", tools=[*SERVED, flat])
    assert [item.type for item in made.output] == ["message"] and made.output_text == reply


def test_the_clients_own_functions_come_back_in_a_stream_too(start):
    client, _, _ = start(called("python", code="1"), called("weather"))
    chunks = list(ask(client, tools=[*SERVED, CLIENTS], stream=True))
    [call] = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or ()]
    assert (call.index, call.function.name) == (0, "weather")
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
