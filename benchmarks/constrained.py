"""Whether answers bound to fuzzed JSON schemas and enums are valid, asked by the official client.

``python -m benchmarks.constrained [--count 680]`` serves the embedded model, asks for each fuzzed
form once and validates with ``jsonschema``. A schema that cannot be kept in full has to be refused
before anything is written, with a 400 that names the keyword; those are counted apart.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import openai

from benchmarks.recording import record, shown
from benchmarks.serve_throughput import NAME, metier_serve
from metier.stats import proportion
from metier.types import Json

CLIENTS = 16
KEYS = (
    "name",
    "size",
    "größe",
    "名前",
    "a b",
    'q"uote',
    "back\\slash",
    "new\nline",
    "π",
    "-",
    "$x",
)
TEXTS = (
    "yes",
    "no",
    "it is",
    "it is not",
    "größer",
    "日本",
    'say "so"',
    "a\\b",
    "",
    " ",
    "0",
    "1.5",
)
PATTERNS = (
    r"^[a-z]+$",
    r"^[A-Z]{2}\d{4}$",
    r"^\d{3}-\d{2}$",
    r"^(red|green|blue)$",
    r"^[^@ ]+@[a-z]+\.(com|org)$",
    r"^\w{1,8}$",
    r"^v\d+(\.\d+)*$",
    r"^é+$",
    r"^#[0-9a-f]{6}$",
)
FORMATS = ("date", "time", "date-time", "email", "uuid", "ipv4")
UNSUPPORTED: tuple[Json, ...] = (
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    {"type": "number", "multipleOf": 0.25},
    {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
    {"type": "string", "pattern": "^(?=.*a)[a-z]+$"},
    {"not": {"type": "null"}},
    {"type": "object", "properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
    {"type": "array", "contains": {"const": 1}},
    {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "integer"}},
    {"oneOf": [{"type": "number"}, {"type": "integer"}]},
    {"allOf": [{"type": "string"}, {"enum": ["a", "b"]}]},
)


def main() -> None:
    """Ask for all forms and record how many answers were valid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=680)
    parser.add_argument(
        "--seed", type=int, default=3, help="0 to 2 were looked at while this was built"
    )
    options = parser.parse_args()
    started = time.perf_counter()
    asked = forms(options.count, seed=options.seed)
    with metier_serve() as url:
        client = openai.OpenAI(base_url=url, api_key="none", timeout=600)
        with ThreadPoolExecutor(CLIENTS) as clients:
            found = list(clients.map(lambda form: outcome(client, NAME, form), asked))
    notes = {"seed": options.seed, **_notes(asked, found, started)}
    record("constrained", figures(asked, found), notes=notes)


def figures(asked: Sequence[Json], found: Sequence[Json]) -> dict[str, Json]:
    """Counts; a refusal is no valid answer, and no invalid one."""
    counted = Counter(one["outcome"] for one in found)
    answered = counted["valid"] + counted["invalid"]
    valid = proportion(counted["valid"], answered) if answered else None
    return {
        "forms": len(asked),
        "enums": sum("enum" in form for form in asked),
        "answered": answered,
        "valid": counted["valid"],
        "invalid": counted["invalid"],
        "valid_share_of_answered": shown(valid) if valid else None,
        "refused_unsupported": counted["unsupported"],
        "refused_too_short": counted["too_short"],
        "failed": counted["failed"],
        "cut_by_the_limit_and_valid": sum(
            one["outcome"] == "valid" and one["finish"] == "length" for one in found
        ),
    }


def _notes(asked: Sequence[Json], found: Sequence[Json], started: float) -> dict[str, Json]:
    refused = Counter(one["keyword"] for one in found if one["outcome"] == "unsupported")
    wrong = [
        {"form": form, **one}
        for form, one in zip(asked, found, strict=True)
        if one["outcome"] in ("invalid", "failed")
    ]
    return {
        "refused_by_keyword": dict(refused.most_common()),
        "wrong": wrong[:10],
        "seconds": round(time.perf_counter() - started),
        "load": f"{CLIENTS} clients; half of the forms greedy, half at temperature 1; limits of 24 "
        "to 128 tokens, so that many answers have to be closed early",
        "too_short": "refused because no answer of the schema was found within the limit",
    }


def outcome(client: openai.OpenAI, model: str, form: Json) -> Json:
    """What became of one form."""
    options = {key: form[key] for key in ("temperature", "seed", "max_tokens")}
    if "enum" in form:
        options["extra_body"] = {"enum": form["enum"]}
    else:
        bound = {"name": "form", "schema": form["schema"]}
        options["response_format"] = {"type": "json_schema", "json_schema": bound}
    try:
        made = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": form["prompt"]}], **options
        )
    except openai.BadRequestError as refusal:
        return _refused(str(refusal))
    except openai.APIError as error:
        return {"outcome": "failed", "said": str(error)[:300]}
    said, finish = made.choices[0].message.content or "", made.choices[0].finish_reason
    try:
        valid = said in form["enum"] if "enum" in form else _valid(said, form["schema"])
    except (ValueError, jsonschema.ValidationError) as error:
        return {"outcome": "invalid", "said": said, "finish": finish, "why": str(error)[:300]}
    return {"outcome": "valid" if valid else "invalid", "said": said, "finish": finish}


def _refused(said: str) -> Json:
    named = re.search(r"cannot be used: ['\"](\$?\w+)['\"]", said)
    if named:
        return {"outcome": "unsupported", "keyword": named[1]}
    short = re.search(r"fits into \d+ tokens|choice has \d+ tokens", said)
    return {"outcome": "too_short" if short else "failed", "said": said[:300]}


def _valid(said: str, schema: Json) -> bool:
    jsonschema.Draft202012Validator(schema).validate(json.loads(said))
    return True


def forms(count: int, *, seed: int) -> list[Json]:
    """Fuzzed requests: a fifth are enums, a tenth hold a keyword that no grammar can keep."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        form: Json = {
            "prompt": f"Fill in the form about {chance.choice(KEYS)} number {number}.",
            "temperature": chance.choice((0, 1)),
            "seed": number,
            "max_tokens": chance.choice((24, 48, 64, 128)),
        }
        if number % 5 == 4:
            form["enum"] = chance.sample(TEXTS[:8] + TEXTS[9:], chance.randint(1, 6))
            form["enum"] = [text for text in form["enum"] if text.strip()] or ["yes"]
        else:
            form["schema"] = schema(chance, unsupported=number % 10 == 0)
        made.append(form)
    return made


def schema(chance: random.Random, *, unsupported: bool = False) -> Json:
    """An object, most often; sometimes with definitions that refer to themselves."""
    made = _object(chance, 2) if chance.random() < 0.8 else _any(chance, 2)
    if unsupported:
        made = _object(chance, 1)
        made["properties"]["odd"] = chance.choice(UNSUPPORTED)
    if made.get("type") == "object" and "properties" in made and chance.random() < 0.25:
        node = {
            "type": "object",
            "properties": {"value": _plain(chance), "next": {"$ref": "#/$defs/node"}},
            "required": ["value"],
            "additionalProperties": False,
        }
        made["$defs"] = {"node": node}
        made["properties"]["node"] = {"$ref": "#/$defs/node"}
    return made


def _any(chance: random.Random, depth: int) -> Json:
    kinds: list[Callable[[random.Random], Json]] = [_plain, _plain, _chosen]
    if depth:
        kinds += [lambda c: _object(c, depth - 1), lambda c: _array(c, depth - 1)]
        kinds += [lambda c: _either(c, depth - 1)]
    return chance.choice(kinds)(chance)


def _object(chance: random.Random, depth: int) -> Json:
    keys = chance.sample(KEYS, chance.randint(1, 4))
    made: Json = {"type": "object", "properties": {key: _any(chance, depth) for key in keys}}
    made["required"] = [key for key in keys if chance.random() < 0.6]
    more = chance.choice((False, False, None, True, {"type": "integer"}))
    if more is not None:
        made["additionalProperties"] = more
    return made


def _array(chance: random.Random, depth: int) -> Json:
    if chance.random() < 0.2:
        fixed = [_any(chance, depth) for _ in range(chance.randint(1, 3))]
        return {"type": "array", "prefixItems": fixed, "items": False}
    made = {"type": "array", "items": _any(chance, depth), "minItems": chance.randint(0, 2)}
    if chance.random() < 0.6:
        made["maxItems"] = made["minItems"] + chance.randint(0, 3)
    return made


def _either(chance: random.Random, depth: int) -> Json:
    if chance.random() < 0.3:
        return {"oneOf": [{"type": "string", "maxLength": 9}, _integer(chance), {"type": "null"}]}
    return {"anyOf": [_any(chance, depth) for _ in range(chance.randint(1, 3))]}


def _plain(chance: random.Random) -> Json:
    least = chance.randint(0, 4)
    return chance.choice(
        (
            {"type": "string"},
            {"type": "string", "minLength": least, "maxLength": least + chance.randint(0, 12)},
            {"type": "string", "pattern": chance.choice(PATTERNS)},
            {"type": "string", "format": chance.choice(FORMATS)},
            {"type": "number"},
            {"type": "number", "minimum": -1.5, "exclusiveMaximum": chance.randint(0, 50) / 4},
            _integer(chance),
            {"type": "integer", "multipleOf": chance.randint(2, 9)},
            {"type": "boolean"},
            {"type": "null"},
            {"type": ["string", "null"]},
            {"type": ["integer", "boolean"]},
            {},
        )
    )


def _integer(chance: random.Random) -> Json:
    least = chance.randint(-200, 200)
    return {"type": "integer", "minimum": least, "maximum": least + chance.randint(0, 2000)}


def _chosen(chance: random.Random) -> Json:
    values: list[Json] = [*TEXTS, 0, 1, -7, 2.5, True, None, [1, "a"], {"k": None}]
    if chance.random() < 0.2:
        return {"const": chance.choice(values)}
    return {"enum": chance.sample(values, chance.randint(1, 5))}


if __name__ == "__main__":
    main()
