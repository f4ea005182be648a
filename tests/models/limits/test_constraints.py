"""Bound answers are valid and whole, whatever a model would rather write."""

import json

import jsonschema
import pytest
from benchmarks.constrained import UNSUPPORTED, forms

from metier.errors import DataError
from metier.models.chat import ChatTokenizer
from metier.models.limits.constraints import CACHE, Choices, GrammarCompiler
from metier.models.limits.schemas import check_schema
from metier.models.weights import read_json


@pytest.fixture(scope="module")
def chat(directory):
    return ChatTokenizer(directory)


@pytest.fixture(scope="module")
def grammars(chat, directory):
    return GrammarCompiler(chat, read_json(directory / "config.json")["vocab_size"])


def babble(grammars, chat, schema, room, seed=0, liked=()):
    """The answer of a model that knows nothing: its logits are noise, but for tokens it likes."""
    import torch

    grammar, tokens = grammars.schema(schema, room=room), []
    noise = torch.Generator().manual_seed(seed)
    while len(tokens) < room and not (tokens and tokens[-1] in chat.ends):
        logits = torch.randn(49152, generator=noise)
        logits[list(liked)] += 30
        grammar.mask(logits)
        tokens.append(grammar.accept(int(logits.argmax()), room - len(tokens) - 1))
    return chat.text(tokens)


@pytest.mark.models
@pytest.mark.parametrize("form", [f for f in forms(30, seed=3) if "schema" in f])
def test_noise_becomes_a_valid_answer_in_time_or_is_refused(grammars, chat, form):
    try:
        said = babble(grammars, chat, form["schema"], form["max_tokens"], form["seed"])
    except DataError as refused:
        assert "not supported" in str(refused) or "fits into" in str(refused)
    else:
        jsonschema.Draft202012Validator(form["schema"]).validate(json.loads(said))


@pytest.mark.models
def test_an_address_is_left_where_closing_marks_are_content(grammars, chat):
    """Before its @ an address may hold any number of }, which close nothing."""
    address = {"type": "string", "format": "email"}
    form = {"type": "object", "properties": {"a": address}, "required": ["a"]}
    schema = {"anyOf": [{"const": 1}, {**form, "additionalProperties": False}]}
    grammar = grammars.schema(schema, room=128)
    start = chat.tokenizer('{"a": "long.and.', add_special_tokens=False)["input_ids"]
    more = chat.tokenizer("longer.", add_special_tokens=False)["input_ids"] * 200
    tokens: list[int] = []
    for token in [*start, *more][:128]:
        if tokens and tokens[-1] in chat.ends:
            break
        tokens.append(grammar.accept(token, 127 - len(tokens)))
    said = json.loads(chat.text(tokens))
    jsonschema.Draft202012Validator(schema).validate(said)
    assert said["a"].startswith("long.and.longer.") and "@" in said["a"]


@pytest.mark.models
@pytest.mark.parametrize("room", [100, 300, 400])
@pytest.mark.parametrize(
    ("node", "liked"),
    [
        ({"type": "array", "items": {"$ref": "#"}}, ("[",)),
        (
            {
                "type": "object",
                "properties": {"c": {"type": "array", "items": {"$ref": "#"}}},
                "required": ["c"],
                "additionalProperties": False,
            },
            ('{"', "c", '":', " [", "[", "{", " [{", '": [{"'),
        ),
        (
            {
                "type": "object",
                "properties": {
                    "c": {"$ref": "#"},
                    **{f"a long name {n}": {"type": "integer"} for n in range(3)},
                },
                "required": [f"a long name {n}" for n in range(3)],
                "additionalProperties": False,
            },
            ('{"', "c", '":', " {"),
        ),
    ],
    ids=["lists", "objects", "objects with more to come"],
)
def test_what_opens_for_ever_is_closed_in_time(grammars, chat, node, liked, room):
    tokens = [n for piece in liked for n in chat.tokens(piece)]
    jsonschema.validate(json.loads(babble(grammars, chat, node, room, liked=tokens)), node)


@pytest.mark.models
@pytest.mark.parametrize(
    "said", [[r'", "\u0061'], ['", "\\', "u0061"], [r'", "a\/'], [r'", "\"\u']]
)
def test_a_listed_name_does_not_come_again_in_another_spelling(grammars, chat, said):
    import torch

    names = {"a": {"type": "string"}, "a/b": {"type": "string"}}
    free = {"type": "object", "properties": names, "required": ["a"]}
    grammar = grammars.schema({**free, "additionalProperties": {"type": "integer"}}, room=200)
    refused = []
    for token in [n for part in ['{"a": "x', *said] for n in chat.tokens(part)]:
        logits = torch.zeros(49_152)
        grammar.mask(logits)
        refused.append(bool(logits[token] == -torch.inf))
        if refused[-1]:
            break
        grammar.accept(token, 100)
    assert refused[-1] and len(refused) > len(chat.tokens('{"a": "x'))


@pytest.mark.models
def test_an_endless_list_is_closed_before_the_tokens_run_out(grammars, chat):
    schema = {
        "type": "object",
        "properties": {
            "words": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "below": {"$ref": "#"},
            "mail": {"type": "string", "pattern": "^[a-z]+@[a-z]+$"},
        },
        "required": ["words", "mail"],
        "additionalProperties": False,
    }
    for room in (40, 80):
        jsonschema.validate(json.loads(babble(grammars, chat, schema, room)), schema)
    with pytest.raises(DataError, match="fits into 8 tokens"):
        babble(grammars, chat, schema, 8)


@pytest.mark.parametrize("odd", UNSUPPORTED, ids=str)
def test_what_no_grammar_can_keep_is_refused_by_its_keyword(odd):
    with pytest.raises(DataError, match=r"'\$?\w+'.* at #/properties/a/items is not supported"):
        check_schema({"properties": {"a": {"items": odd}}})


@pytest.mark.parametrize("odd", UNSUPPORTED, ids=str)
def test_what_a_reference_stands_for_is_looked_at_wherever_it_is(odd):
    first = {"$ref": "#/components/a/second"}
    elsewhere = {"a": {"first": first, "second": {"properties": {"a": odd}}}}
    with pytest.raises(DataError, match=r"'\$?\w+'.* at .*/a is not supported"):
        check_schema({"$ref": "#/components/a/first", "components": elsewhere})


@pytest.mark.parametrize(
    "pattern",
    [
        '^[a-zA-Z ]+(, "[a-z]+"){0,3}$',
        r"^(|[a-zA-Z ]{1,9}\n)$",
        r"^(none|- [a-z ]+(\n- [a-z ]+)*)$",
        r"^[A-Z]:(\\[a-z]+)*$",
        r"^\x22$",
        r"^a\u{22}?$",
        r"^\cJ$",
        r"^[\n\\]$",
        "^a\t",
    ],
)
def test_a_pattern_with_what_json_escapes_is_refused(pattern):
    with pytest.raises(DataError, match="which JSON escapes"):
        check_schema({"type": "string", "pattern": pattern})
    with pytest.raises(DataError, match="which JSON escapes"):
        check_schema({"type": "object", "patternProperties": {pattern: {}}})


@pytest.mark.models
@pytest.mark.parametrize(
    "pattern", [r'^[^"]{3}$', r"^[\x20-\x7e]{3}$", r"^\S{3}$", r'^[a"\n]{3}$', r"^a\/\.$", "^...$"]
)
def test_a_pattern_with_a_class_is_kept_without_what_json_escapes(grammars, chat, pattern):
    schema = {"type": "string", "pattern": pattern}
    for seed in range(3):
        jsonschema.validate(json.loads(babble(grammars, chat, schema, 20, seed)), schema)


@pytest.mark.models
def test_more_text_than_a_way_may_have_is_refused(grammars):
    long = {"type": "array", "items": {"type": "string", "minLength": 1000}, "minItems": 50}
    with pytest.raises(DataError, match="fits into 4000 tokens"):
        grammars.schema(long, room=4000)


@pytest.mark.models
def test_compiled_schemas_have_a_bound(grammars):
    assert grammars._compiler.cache_limit_bytes == CACHE


@pytest.mark.models
def test_a_token_that_the_schema_does_not_go_on_with_is_told(grammars):
    grammar = grammars.schema({"const": "ab"}, room=20)
    with pytest.raises(DataError, match="does not go on"):
        grammar.accept(49_000, 19)


@pytest.mark.parametrize(
    "schema",
    [
        5,
        {"properties": []},
        {"required": 3},
        {"anyOf": 1},
        {"type": "string", "pattern": "(?=("},
        {"minLength": 2},
        {"type": "string", "minLength": 20_000},
        {"type": "string", "pattern": "^a{20000}$"},
        {"type": "string", "pattern": "^a{1,2000}$"},
        {"properties": {"a" * 40 + "!": {}}, "patternProperties": {"^(a+)+$": {}}},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"$ref": "https://example.org/schema"},
        {"type": "object", "required": ["a"]},
        {"enum": ["a", 1], "type": "string"},
        {"type": "object", "anyOf": [{}]},
        {"properties": {"a\\b": {}}, "additionalProperties": True},
    ],
    ids=str,
)
def test_what_is_malformed_or_means_more_than_it_seems_is_refused(schema):
    with pytest.raises(DataError, match="JSON schema cannot be used"):
        check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"title": "T", "description": "d", "x-own": 1, "type": ["string", "null"], "maxLength": 3},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"oneOf": [{"enum": ["a"]}, {"enum": ["b"]}]},
        {
            "oneOf": [
                {"properties": {"kind": {"const": kind}}, "required": ["kind"], "type": "object"}
                for kind in "ab"
            ]
        },
        {"enum": ["a", None]},
        {"const": 1, "type": "integer"},
        {"properties": {"a\\b": {}}, "additionalProperties": False},
        {"type": "string", "minLength": 500, "maxLength": 100_000},
        {"type": "object", "patternProperties": {"^[a-z]{1,30}$": {}}},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "null"}}},
        {"type": "array", "items": {"$ref": "#/own/a"}, "own": {"a": {"items": {"$ref": "#"}}}},
    ],
    ids=str,
)
def test_what_can_be_kept_is_let_through(schema):
    check_schema(schema)


def test_choices_are_followed_to_their_end():
    import torch

    choices = Choices([[1, 2, 9], [1, 3, 9]])
    for wish, taken in ((5, 1), (3, 3), (0, 9)):
        logits = torch.zeros(10)
        logits[wish] = 1.0
        choices.mask(logits)
        assert choices.accept(int(logits.argmax()), 5) == taken
