"""The OpenAPI document, asked at random."""

from collections import defaultdict

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from metier.serving.routes.app import make_app
from tests.serving.server import fake_gateway

MODELS = {
    "/v1/chat/completions": "fake",
    "/v1/completions": "fake",
    "/v1/responses": "fake",
    "/v1/embeddings": "vectors",
}
"""Which model a route can ask."""
ELSEWHERE = (
    "plan",
    "previous_response_id",
    "tools",
    "tool_choice",
    "thinking",
    "echo",
    "as_of",
)
"""What this server has not, or what most other settings contradict."""


ASKED = {"role": "user", "content": "Who?"}
HERE = "http://localhost"
DIMENSIONS = 64
"""Of the fake vectors."""


def answerable(case):
    """The same body for a model that is there, with something to answer, without what is not."""
    body = case.body
    if case.path in MODELS and isinstance(body, dict):
        known = {name: value for name, value in body.items() if name not in ELSEWHERE}
        if isinstance(known.get("prompt"), dict):
            del known["prompt"]
        if case.path == "/v1/chat/completions":
            known["messages"] = [*known.get("messages", ()), ASKED]
        if case.path == "/v1/responses":
            given_input = known.get("input")
            known["input"] = [*given_input, ASKED] if isinstance(given_input, list) else "Who?"
        if isinstance(known.get("dimensions"), int):
            known["dimensions"] = known["dimensions"] % DIMENSIONS + 1
        case.body = {**known, "model": MODELS[case.path]}
    return case


def test_nothing_that_fits_the_document_makes_the_server_fail(tmp_path):
    gateway = fake_gateway(tmp_path)
    app = make_app(gateway)
    operations = [
        found.ok()
        for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    assert len(operations) >= 10
    statuses = defaultdict(list)

    def ask_at_random(cases, examples):
        @given(case=cases)
        @settings(
            max_examples=examples,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        def asked(case):
            answer = case.call_and_validate(base_url=HERE, checks=[not_a_server_error])
            statuses[case.path].append(answer.status_code)

        asked()

    for operation in operations:
        ask_at_random(operation.as_strategy(), 8)
    statuses.clear()
    for operation in operations:
        if operation.path in MODELS:
            ask_at_random(operation.as_strategy().map(answerable), 25)
    gateway.close()
    assert {path for path in MODELS if 200 in statuses[path]} == set(MODELS), dict(statuses)
