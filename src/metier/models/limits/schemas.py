"""Which JSON schemas an answer can be bound to in full; the others are refused by their keyword."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from metier.errors import DataError
from metier.models.limits.patterns import escaped_part
from metier.types import Json

Schema = Mapping[str, Json]

# A grammar reads from left to right and remembers no values, so these cannot be kept by one.
_NEVER = frozenset(
    {"not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"}
    | {"contains", "minContains", "maxContains", "uniqueItems", "unevaluatedItems"}
    | {"unevaluatedProperties", "additionalItems", "$dynamicRef", "$recursiveRef"}
)
_OF_TYPE = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "object": frozenset(
        {"properties", "required", "additionalProperties", "patternProperties", "propertyNames"}
        | {"minProperties", "maxProperties"}
    ),
}
_ASSERTIONS = frozenset().union(*_OF_TYPE.values(), {"multipleOf"})
MOST = 1000
"""Characters that may be asked for at least, and repetitions in a pattern: the time that a grammar
takes grows with their square, and its tokens' room seldom holds so many."""
_REPEATED = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_WHOLE = ("$ref", "anyOf", "oneOf", "allOf", "enum", "const")
"""Where one of these stands, xgrammar looks at nothing beside it."""


def check_schema(schema: Json) -> None:
    """``DataError`` that names the first keyword, and its place, that could not be kept.

    What is let through was compared with ``jsonschema`` keyword by keyword (xgrammar 0.2.8) and on
    fuzzed schemas (``benchmarks/constrained.py``). Keywords unknown to JSON Schema say nothing
    there either.
    """
    try:
        _check(schema, "#", schema, set())
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, re.error) as error:
        raise DataError(f"the JSON schema cannot be used: it is malformed: {error}") from error


def has_free_names(schema: Json) -> bool:
    """Whether a name that is listed could come once more among others, spelled with escapes."""
    if isinstance(schema, list):
        return any(map(has_free_names, schema))
    if not isinstance(schema, dict):
        return False
    free = schema.get("properties") and schema.get("additionalProperties", False) is not False
    return bool(free) or any(map(has_free_names, schema.values()))


def _check(schema: Json, place: str, root: Json, seen: set[str]) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise DataError(f"the JSON schema cannot be used: {place} is no schema")
    for keyword in schema:
        if keyword in _NEVER:
            raise _unsupported(keyword, place)
    for whole in _WHOLE:
        if whole in schema:
            _check_alone(schema, whole, place)
    _check_choice(schema, place, root)
    _check_string(schema, place)
    _check_number(schema, place)
    _check_object(schema, place)
    for where, below in _below(schema):
        _check(below, f"{place}/{where}", root, seen)
    _check_target(schema, root, seen)


def _check_target(schema: Schema, root: Json, seen: set[str]) -> None:
    """What a reference stands for, which may be where no schema is looked for."""
    target = schema.get("$ref")
    if target is not None and target not in seen:
        seen.add(target)
        _check(_resolved(schema, root), target, root, seen)


def _check_alone(schema: Schema, whole: str, place: str) -> None:
    """Nothing that asserts beside it, but for a type beside enum and const that all values have."""
    beside = [key for key in schema if key in _ASSERTIONS or (key in _WHOLE and key != whole)]
    if beside:
        raise _unsupported(beside[0], place, f"beside {whole}")
    if "type" not in schema:
        return
    if whole not in ("enum", "const"):
        raise _unsupported("type", place, f"beside {whole}; put it into the alternatives")
    values = schema["enum"] if whole == "enum" else [schema["const"]]
    for value in values:
        if not _kinds(value) & _declared(schema):
            raise _unsupported(whole, place, f"with {json.dumps(value)}, which is not of its type")


def _check_choice(schema: Schema, place: str, root: Json) -> None:
    if len(schema.get("allOf", ())) > 1:
        raise _unsupported("allOf", place, "of several schemas; write them as one")
    alternatives = [_resolved(one, root) for one in schema.get("oneOf", ())]
    for number, one in enumerate(alternatives):
        for other in alternatives[:number]:
            if not _apart(one, other):
                raise _unsupported("oneOf", place, "of alternatives that overlap; use anyOf")
    target = schema.get("$ref")
    if target is not None and _resolved(schema, root) is None:
        raise _unsupported("$ref", place, f"to {target!r}, which is not in the schema")


def _check_string(schema: Schema, place: str) -> None:
    pattern = schema.get("pattern")
    lengths = {"minLength", "maxLength"} & schema.keys()
    if pattern is not None and (lengths or "format" in schema):
        raise _unsupported(sorted(lengths | {"format"} & schema.keys())[0], place, "beside pattern")
    if "format" in schema and lengths:
        raise _unsupported(sorted(lengths)[0], place, "beside format")
    if int(schema.get("minLength", 0)) > MOST:
        raise _unsupported("minLength", place, f"of more than {MOST:,}")
    for one in [pattern, *schema.get("patternProperties", {})]:
        if one is not None and re.search(r"\(\?(?!:)", str(one)):
            raise _unsupported("pattern", place, f"with look-around, as in {one!r}")
        if one is not None and (part := escaped_part(str(one))) is not None:
            raise _unsupported("pattern", place, f"with {part!r}, which JSON escapes,")
        if any(len(n) > 4 or int(n or 0) > MOST for n in _counts(one)):
            raise _unsupported("pattern", place, f"that repeats more than {MOST:,} times")


def _counts(pattern: Json) -> list[str]:
    return [number for pair in _REPEATED.findall(str(pattern)) for number in pair]


def _check_number(schema: Schema, place: str) -> None:
    if "multipleOf" in schema and "number" in _types(schema):
        raise _unsupported("multipleOf", place, 'of other than "type": "integer"')
    plain = _OF_TYPE["string"] | _OF_TYPE["number"] | {"multipleOf"}
    bare = sorted(plain & schema.keys())
    if "type" not in schema and bare:
        raise _unsupported(bare[0], place, "without type")


def _check_object(schema: Schema, place: str) -> None:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in known:
            raise _unsupported("required", place, f"of {name!r}, which is not among properties")
    patterns = schema.get("patternProperties", {})
    if len(patterns) > 1:
        raise _unsupported("patternProperties", place, "that overlap")
    if patterns and known:  # whether a name fits a stranger's pattern can take for ever to find out
        raise _unsupported("patternProperties", place, "beside properties")
    if "propertyNames" in schema and known:
        raise _unsupported("propertyNames", place, "beside properties")
    if schema.get("additionalProperties", False) is not False and any("\\" in n for n in known):
        # xgrammar 0.2.8 then lets other names hold a backslash that escapes nothing.
        raise _unsupported("additionalProperties", place, "beside a name with a backslash")
    # Names that are not listed may be written twice, which counts as one.
    free = schema.get("additionalProperties", False) is not False or patterns
    if int(schema.get("minProperties", 0)) > 1 and (free or not known):
        raise _unsupported("minProperties", place, "where names are free")


def _below(schema: Schema) -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for keyword in ("properties", "patternProperties", "$defs", "definitions"):
        found += [(f"{keyword}/{name}", one) for name, one in schema.get(keyword, {}).items()]
    for keyword in ("prefixItems", "anyOf", "oneOf", "allOf"):
        found += [
            (f"{keyword}/{number}", one) for number, one in enumerate(schema.get(keyword, ()))
        ]
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if keyword in schema:
            found.append((keyword, schema[keyword]))
    return found


def _resolved(schema: Json, root: Json) -> Json:
    """What a reference stands for; None where there is nothing."""
    seen: set[str] = set()
    while isinstance(schema, dict) and "$ref" in schema:
        target = str(schema["$ref"])
        if target in seen or not target.startswith("#"):
            return None
        seen.add(target)
        schema = root
        for part in target.removeprefix("#").removeprefix("/").split("/"):
            if part:
                schema = schema.get(part) if isinstance(schema, dict) else None
    return schema


def _apart(one: Json, other: Json) -> bool:
    """Whether no value can be of both schemas, seen from types, constants and discriminators."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    if not _types(one) & _types(other):
        return True
    first, second = _values(one), _values(other)
    if first is not None and second is not None:
        return not first & second
    shared = set(one.get("required", ())) & set(other.get("required", ()))
    pairs = [(one.get("properties", {}).get(n), other.get("properties", {}).get(n)) for n in shared]
    return any(_apart(*pair) for pair in pairs)


def _values(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {json.dumps(schema["const"], sort_keys=True)}
    if "enum" in schema:
        return {json.dumps(value, sort_keys=True) for value in schema["enum"]}
    return None


_ALL = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


def _types(schema: Schema) -> frozenset[str]:
    """The types that its values may have; an integer is a number as well."""
    if "enum" in schema or "const" in schema:
        values: Sequence[Json] = schema.get("enum", [schema.get("const")])
        return frozenset().union(*map(_kinds, values))
    return _declared(schema)


def _declared(schema: Schema) -> frozenset[str]:
    named = schema.get("type", list(_ALL))
    types = frozenset([named] if isinstance(named, str) else named)
    return types | ({"integer"} if "number" in types else set())


def _kinds(value: Json) -> frozenset[str]:
    kinds = {bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, str: {"string"}}
    kinds |= {type(None): {"null"}, list: {"array"}, dict: {"object"}}
    return frozenset(kinds[type(value)])


def _unsupported(keyword: str, place: str, how: str = "") -> DataError:
    said = f"{keyword!r} {how}".strip()
    return DataError(f"the JSON schema cannot be used: {said} at {place} is not supported")
