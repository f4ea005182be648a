"""A form is sent so that any endpoint takes it, and the answer is read whatever came of it."""

import jsonschema
import pytest

from metier.models.engines.forms import complaint, response_format, unwrapped
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
    ("schema", "right", "wrong"),
    [
        (
            {"anyOf": [{"$ref": "#/definitions/A"}], "definitions": {"A": {"type": "null"}}},
            None,
            1,
        ),
        ({"type": "array", "items": {"anyOf": [{"const": 1}, {"$ref": "#"}]}}, [1, [[1]]], [[2]]),
        (
            {"type": "array", "prefixItems": [{"const": 1}, {"$ref": "#/prefixItems/0"}]},
            [1, 1],
            [1, 2],
        ),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"enum": [{"$ref": "#"}]}}},
            {"$ref": "#"},
            {"$ref": "#/properties/answer"},
        ),
    ],
)
def test_what_is_sent_inside_an_object_means_the_same(schema, right, wrong):
    whole = jsonschema.Draft202012Validator(sent(schema)["schema"])
    assert whole.is_valid({"answer": right}) and not whole.is_valid({"answer": wrong})


@pytest.mark.parametrize(
    ("text", "said"),
    [('{"n": NaN}', "NaN is no JSON"), ("[" * 100_000, "nested too deeply"), ('{"n": 1}', None)],
)
def test_what_is_no_json_is_told(text, said):
    found = complaint(text, GenerateConfig(json_schema={"properties": {"n": {"type": "number"}}}))
    assert found is None if said is None else said in found


def test_a_reference_that_leads_nowhere_judges_nothing():
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}
    assert complaint('{"a": 1}', GenerateConfig(json_schema=schema)) is None


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
