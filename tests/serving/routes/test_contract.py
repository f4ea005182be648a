"""The OpenAPI document, asked at random."""

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from metier.serving.routes.app import make_app
from tests.serving.server import fake_gateway


def test_nothing_that_fits_the_document_makes_the_server_fail(tmp_path):
    gateway = fake_gateway(tmp_path)
    app = make_app(gateway)
    operations = [
        found.ok()
        for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    ]
    assert len(operations) >= 10
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=8,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        def asked_at_random(case):
            case.call_and_validate(checks=[not_a_server_error])

        asked_at_random()
    gateway.close()
