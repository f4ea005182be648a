"""What each kind of step does with its settings and inputs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from metier.errors import DataError
from metier.protocols import Tool
from metier.tools.calling import call_tool
from metier.tools.plans.planning import Writes
from metier.types import (
    Artifact,
    GenerateConfig,
    Hit,
    Json,
    Message,
    NodeKind,
    NodeResult,
    PlanNode,
    Row,
    ToolCall,
    Usage,
)

MOST_TOKENS = 256
"""Of each text that a model writes for a step."""
_PASSAGE_CHARACTERS = 1500
_SOURCE = "passage"
TITLE = "title"
"""The field that is a passage's own title."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What steps work with."""

    model: Writes
    tools: Mapping[str, Tool]
    """``search`` for retrieve and ``python`` for run."""
    tenant: str = ""

    def tool(self, name: str, kind: NodeKind) -> Tool:
        """The tool; ``DataError`` where it is not offered."""
        if name not in self.tools:
            raise DataError(f"a step of kind {kind} needs the tool {name!r}, which is not offered")
        return self.tools[name]


def do(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench) -> NodeResult:
    """The result of one step; its key and seconds are set by who runs it."""
    return _KINDS[node.kind](node, inputs, bench)


def _retrieve(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench) -> NodeResult:
    call = ToolCall(node.settings, bench.tenant)
    found = call_tool(bench.tool("search", "retrieve"), call)
    failed = found.failed or not found.hits
    return NodeResult(node.id, "", found.text, hits=found.hits, failed=failed)


def _extract(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench) -> NodeResult:
    """One row for each passage: what its columns say is taken, the rest is read by the model."""
    fields = {one["name"]: one["type"] for one in node.settings["fields"]}
    hits = [hit for result in inputs for hit in result.hits]
    known = [_known(hit, fields) for hit in hits]
    asked = [place for place, row in enumerate(known) if len(row) < len(fields)]
    config = GenerateConfig(max_new_tokens=MOST_TOKENS, json_schema=_row_schema(fields))
    said = bench.model.generate(
        [(Message("user", _reading(hits[place], fields)),) for place in asked], config
    )
    for place, one in zip(asked, said, strict=True):
        known[place] = {**_parsed(one.text), **known[place]}
    rows = tuple(
        {**{name: row.get(name) for name in fields}, _SOURCE: hit.chunk.id}
        for row, hit in zip(known, hits, strict=True)
        if any(row.get(name) is not None for name in fields)
    )
    usage = sum((one.usage for one in said), Usage())
    text = shown(rows) if rows else "No passage has these fields."
    return NodeResult(node.id, "", text, rows, tuple(hits), usage=usage, failed=not rows)


def _known(hit: Hit, fields: Mapping[str, str]) -> dict[str, Json]:
    """What is said beside the text: columns, and the title under that name."""
    said = {TITLE: hit.chunk.title or None, **hit.metadata}
    return {name: said[name] for name in fields if said.get(name) is not None}


def _row_schema(fields: Mapping[str, str]) -> Json:
    forms = {
        "text": {"type": "string", "minLength": 1, "maxLength": 80},
        "number": {"type": "number"},
    }
    return {
        "type": "object",
        "properties": {
            name: {"anyOf": [forms[kind], {"type": "null"}]} for name, kind in fields.items()
        },
        "required": list(fields),
        "additionalProperties": False,
    }


def _reading(hit: Hit, fields: Mapping[str, str]) -> str:
    wanted = " and ".join(fields)
    passage = f"{hit.chunk.title}\n{hit.chunk.text[:_PASSAGE_CHARACTERS]}".strip()
    return f"{passage}\n\nRead from this text: {wanted}. Use null for what it does not say."


def _parsed(text: str) -> dict[str, Json]:
    try:
        said = json.loads(text)
    except ValueError:  # a limit cut it off
        return {}
    if not isinstance(said, dict):
        return {}
    return {name: value for name, value in said.items() if not _is_endless(value)}


def _is_endless(value: Json) -> bool:
    """As ``1e999`` reads, which no JSON can tell again."""
    return isinstance(value, float) and not math.isfinite(value)


def _query(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench) -> NodeResult:
    """Reckon over rows, or sort them; rows without a number in the column are left out."""
    rows = [row for result in inputs for row in result.rows]
    operation, column = node.settings["operation"], node.settings.get("column")
    if operation != "count" and column is None:
        return NodeResult(node.id, "", f"{operation} needs a column", failed=True)
    if operation in ("ascending", "descending"):
        done = _sorted(rows, str(column), reverse=operation == "descending")
    else:
        done = _reckoned(rows, operation, column, node.settings.get("by"))
    text = shown(done) if done else f"No row has a number in {column!r}."
    hits = tuple(hit for result in inputs for hit in result.hits)
    return NodeResult(node.id, "", text, tuple(done), hits, failed=not done)


_RECKON: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "mean": fmean,
    "min": min,
    "max": max,
}


def _reckoned(rows: Sequence[Row], operation: str, column: str | None, by: str | None) -> list[Row]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row.get(by)) if by else "", []).append(row)
    done: list[Row] = []
    for name, members in groups.items():
        numbers = [
            value for row in members if (value := _number(row.get(column or ""))) is not None
        ]
        named: dict[str, Json] = {by: name} if by else {}
        if operation == "count":
            counted = len(members) if column is None else len(numbers)
            done.append({**named, "count": counted})
        elif numbers and (reckoned := _reckon(operation, numbers)) is not None:
            done.append({**named, f"{operation} of {column}": reckoned, "rows": len(numbers)})
    return done


def _reckon(operation: str, numbers: Sequence[float]) -> float | None:
    """None for what is too large to be a number."""
    try:
        reckoned = _RECKON[operation](numbers)
    except OverflowError:
        return None
    return None if _is_endless(reckoned) else reckoned


def _sorted(rows: Sequence[Row], column: str, *, reverse: bool) -> list[Row]:
    numbered = [(number, row) for row in rows if (number := _number(row.get(column))) is not None]
    return [row for _, row in sorted(numbered, key=lambda one: one[0], reverse=reverse)]


def _number(value: Json) -> float | None:
    """A number, also from text such as ``1,200 t``; None where there is none."""
    if isinstance(value, bool) or value is None:
        return None
    for word in str(value).replace(",", "").split():
        try:
            number = float(word.strip("$€£%()"))
        except ValueError:
            continue
        if math.isfinite(number):  # names such as Nan and Infinity pass for others
            return number
    return None


_CHART = """
import json
import matplotlib.pyplot as plt

chart, x, y = json.load(open("chart.json"))
rows = [row for row in json.load(open("rows.json")) if row[y] is not None]
names, values = [str(row[x]) for row in rows], [row[y] for row in rows]
if chart == "pie":
    plt.pie(values, labels=names)
elif chart == "line":
    plt.plot(names, values, marker="o")
elif chart == "scatter":
    plt.scatter(names, values)
else:
    plt.bar(names, values)
if chart != "pie":
    plt.xlabel(x)
    plt.ylabel(y)
plt.tight_layout()
plt.savefig("chart.png", metadata={"Description": json.dumps(rows)})
"""
"""The picture's own metadata has its data and the passages that they come from."""


def _run(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench) -> NodeResult:
    """Draw a chart, or run code; rows and passages lie in its folder."""
    rows = [dict(row) for result in inputs for row in result.rows]
    hits = tuple({hit.key: hit for one in inputs for hit in one.hits}.values())
    code = str(node.settings.get("code", _CHART))
    if "chart" in node.settings:
        y = node.settings["y"]
        rows = [{**row, y: number} for row in rows if (number := _number(row.get(y))) is not None]
        if not rows:
            return NodeResult(node.id, "", f"There is no number in {y!r} to draw.", failed=True)
    files = {
        artifact.name: artifact.content
        for one in inputs
        for artifact in one.artifacts
        if "/" not in artifact.name  # code starts in a folder without any other in it
    }
    files |= {
        "rows.json": json.dumps(rows, default=str).encode(),
        "passages.json": json.dumps([_passage(hit) for hit in hits]).encode(),
        "chart.json": json.dumps([node.settings.get(key) for key in ("chart", "x", "y")]).encode(),
    }
    call = ToolCall({"code": code}, bench.tenant, files)
    made = call_tool(bench.tool("python", "run"), call)
    data = (Artifact("rows.csv", "text/csv", _csv(rows)),) if rows else ()
    return NodeResult(
        node.id,
        "",
        made.text,
        tuple(rows),
        hits,
        (*made.artifacts, *data),
        failed=made.failed,
    )


def _passage(hit: Hit) -> Json:
    return {"id": hit.chunk.id, "title": hit.chunk.title, "text": hit.chunk.text, "uri": hit.uri}


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _summarise(node: PlanNode, inputs: Sequence[NodeResult], bench: Bench) -> NodeResult:
    """What the model writes behind the inputs."""
    shares = "\n\n".join(result.text for result in inputs)
    prompt = f"{shares}\n\nUse only what stands above. {node.settings['instruction']}"
    config = GenerateConfig(max_new_tokens=MOST_TOKENS)
    said = bench.model.generate([(Message("user", prompt),)], config)[0]
    hits = tuple({hit.key: hit for one in inputs for hit in one.hits}.values())
    text = said.text.strip()
    return NodeResult(node.id, "", text, hits=hits, usage=said.usage, failed=not text)


def shown(rows: Sequence[Row]) -> str:
    """Rows as a model and a person read them, a line each."""
    return "\n".join(
        ", ".join(f"{name}: {value}" for name, value in row.items() if name != _SOURCE)
        for row in rows
    )


_KINDS: Mapping[NodeKind, Callable[[PlanNode, Sequence[NodeResult], Bench], NodeResult]] = {
    "retrieve": _retrieve,
    "extract": _extract,
    "query": _query,
    "run": _run,
    "summarise": _summarise,
}
