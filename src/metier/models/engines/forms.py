"""Answers in a given form as OpenAI's protocol asks for them: schemas sent, texts read, checked."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from typing import Any

from metier.errors import DataError
from metier.types import GenerateConfig, Json

WRAPPING_TOKENS = 32
"""What the object around an answer may take of the limit."""

_SHARED = ("$defs", "definitions")
"""Where schemas stand that others refer to, from the root on."""
_VALUES = ("enum", "const", "default", "examples")
_BEGINNING = re.compile(r'\s*\{\s*"answer"\s*:\s*')


def response_format(config: GenerateConfig) -> Json | None:
    """What to send as ``response_format``; None for free text."""
    schema = _schema(config)
    if schema is None:
        return None
    form = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
    return {"type": "json_schema", "json_schema": form}


def is_wrapped(config: GenerateConfig) -> bool:
    """Whether the answer is asked for inside an object, since the protocol has objects only."""
    schema = config.json_schema
    if config.choices or schema is None:
        return bool(config.choices)
    return schema.get("type") != "object" or "anyOf" in schema


def unwrapped(text: str, config: GenerateConfig) -> str:
    """The answer inside the object; endpoints that ignore the schema may send it bare."""
    if not is_wrapped(config):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a limit cut it off
        begun = _BEGINNING.match(text)
        return text[begun.end() :] if begun and not config.choices else text.strip()
    if not isinstance(value, dict) or "answer" not in value:
        return text.strip()
    answer = value["answer"]
    return str(answer) if config.choices else json.dumps(answer, ensure_ascii=False)


def complaint(text: str, config: GenerateConfig) -> str | None:
    """What is wrong with a bound answer, in words that the model can act on."""
    if config.choices:
        if text in config.choices:
            return None
        return "it must be exactly one of: " + ", ".join(config.choices)
    if config.json_schema is None:
        return None
    jsonschema: Any = importlib.import_module("jsonschema")
    referencing: Any = importlib.import_module("referencing.exceptions")
    try:
        jsonschema.validate(json.loads(text, parse_constant=_no_number), dict(config.json_schema))
    except ValueError as error:
        return f"it must be JSON alone ({error})"
    except RecursionError:
        return "the JSON is nested too deeply"
    except jsonschema.ValidationError as error:
        return f"the JSON does not fit the schema ({error.message})"
    except referencing.Unresolvable:
        pass  # the endpoint took the schema, and nobody here can judge by it
    return None


def check_form(config: GenerateConfig) -> None:
    """``DataError`` for what is no JSON schema, before an answer is paid for."""
    if config.json_schema is None or config.choices:
        return
    jsonschema: Any = importlib.import_module("jsonschema")
    schema = dict(config.json_schema)
    try:
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        raise DataError(f"the JSON schema cannot be used: {error.message}") from error
    except RecursionError as error:
        raise DataError("the JSON schema cannot be used: it is nested too deeply") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _schema(config: GenerateConfig) -> Mapping[str, Json] | None:
    schema: Mapping[str, Json] | None = config.json_schema
    if config.choices:
        schema = {"type": "string", "enum": list(config.choices)}
    if schema is None or not is_wrapped(config):
        return schema
    moved = _moved(schema)
    whole: dict[str, Json] = {
        "type": "object",
        "properties": {"answer": {key: moved[key] for key in moved if key not in _SHARED}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return whole | {key: moved[key] for key in _SHARED if key in moved}


def _moved(schema: Json) -> Json:
    """A schema whose references, which start at the root, still find what stood there."""
    if isinstance(schema, list):
        return [_moved(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {key: one if key in _VALUES else _moved(one) for key, one in schema.items()}
    target = schema.get("$ref")
    if isinstance(target, str) and re.match(r"#(?!/(\$defs|definitions)/)(/|$)", target):
        moved["$ref"] = f"#/properties/answer{target[1:]}"
    return moved


def _is_strict(schema: Json) -> bool:
    """Whether OpenAI's strict mode takes it: objects closed, all of their properties required."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object":
        known = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or known - {*schema.get("required", ())}:
            return False
    return all(map(_is_strict, schema.values()))
