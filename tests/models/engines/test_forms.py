"""A form is sent so that any endpoint takes it, and the answer is read whatever came of it."""

import pytest

from metier.models.engines.forms import response_format, unwrapped
from metier.types import GenerateConfig

CLOSED = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
CHOICE = GenerateConfig(json_schema={"anyOf": [CLOSED, {"$ref": "#/$defs/x"}], "$defs": {"x": {}}})


def sent(schema):
    return response_format(GenerateConfig(json_schema=schema))["json_schema"]


def test_an_object_is_sent_as_it_is():
    assert sent(CLOSED) == {"name": "answer", "schema": CLOSED, "strict": True}


@pytest.mark.parametrize(
    "open_one", [{"type": "object"}, {**CLOSED, "required": []}, {"anyOf": [{"type": "object"}]}]
)
def test_strictness_is_asked_only_of_what_is_strict(open_one):
    assert sent(open_one)["strict"] is False


def test_alternatives_stand_inside_an_object_and_references_still_find_their_target():
    schema = response_format(CHOICE)["json_schema"]["schema"]
    assert schema["type"] == "object" and list(schema["$defs"]) == ["x"]
    assert schema["properties"]["answer"] == {"anyOf": [CLOSED, {"$ref": "#/$defs/x"}]}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"answer": {"n": 1}}', '{"n": 1}'),
        ('{"n": 1}', '{"n": 1}'),
        ('{"answer": {"n": ', '{"n": '),
        ("prose ", "prose"),
    ],
)
def test_the_answer_is_read_whole_bare_or_cut_off(text, answer):
    assert unwrapped(text, CHOICE) == answer
