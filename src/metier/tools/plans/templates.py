"""Plans with blanks: a small model only chooses among given words, and the result is a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from metier.retrieval.words import terms
from metier.tools.plans.graph import CHARTS
from metier.types import PlanNode

Slots = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Slot:
    """One blank, filled with one of its options."""

    name: str
    question: str
    options: Callable[[str], Sequence[str]]
    """From the request to what may stand here."""


@dataclass(frozen=True, slots=True)
class Template:
    """A plan for one kind of request."""

    name: str
    description: str
    slots: tuple[Slot, ...]
    nodes: Callable[[str, Slots], tuple[PlanNode, ...]]


def words_of(request: str) -> list[str]:
    """The request's own longer words, once each: a column is called as the person calls it."""
    seen: dict[str, str] = {}
    for word in request.replace("'s", " ").split():
        plain = "".join(letter for letter in word if letter.isalnum() or letter in "-_").lower()
        if (
            len(plain) > 2
            and not plain.isdigit()
            and plain not in _NOT_COLUMNS
            and terms(plain, "en")
        ):
            seen.setdefault(plain, plain)
    return list(seen) or ["value"]


def _among(*options: str) -> Callable[[str], Sequence[str]]:
    return lambda request: options


_NOT_COLUMNS = frozenset(
    re.findall(
        r"\w+",
        "plot chart draw graph show bar line pie scatter compare average total sum mean count find "
        "what which who how many much the and for with from over per each all was were are",
    )
)
_OPERATIONS = {
    "total": "sum",
    "average": "mean",
    "smallest": "min",
    "largest": "max",
    "number of": "count",
}


def _answer(request: str, slots: Slots) -> tuple[PlanNode, ...]:
    return (
        PlanNode("find", "retrieve", {"query": request}),
        PlanNode("answer", "summarise", {"instruction": request}, ("find",)),
    )


def _table(request: str, slots: Slots) -> tuple[PlanNode, ...]:
    fields = [
        {"name": slots["what"], "type": "text"},
        {"name": slots["measure"], "type": "number"},
    ]
    return (
        PlanNode("find", "retrieve", {"query": request}),
        PlanNode("read", "extract", {"fields": fields}, ("find",)),
    )


def _calculate(request: str, slots: Slots) -> tuple[PlanNode, ...]:
    operation = _OPERATIONS[slots["operation"]]
    settings = {"operation": operation, "column": slots["measure"]}
    return (
        *_table(request, slots),
        PlanNode("reckon", "query", settings, ("read",)),
        PlanNode("answer", "summarise", {"instruction": request}, ("reckon", "find")),
    )


def _chart(request: str, slots: Slots) -> tuple[PlanNode, ...]:
    settings = {"chart": slots["chart"], "x": slots["what"], "y": slots["measure"]}
    return (
        *_table(request, slots),
        PlanNode("draw", "run", settings, ("read",)),
        PlanNode("answer", "summarise", {"instruction": request}, ("read", "find")),
    )


_WHAT = Slot("what", "Which word names the things that are told apart?", words_of)
_MEASURE = Slot("measure", "Which word names the number that is wanted?", words_of)

TEMPLATES: Mapping[str, Template] = {
    one.name: one
    for one in (
        Template("answer", "answer a question from the documents in words", (), _answer),
        Template(
            "calculate",
            "reckon one number from several in the documents: a total, an average, the largest",
            (
                Slot("operation", "What is reckoned?", _among(*_OPERATIONS)),
                _WHAT,
                _MEASURE,
            ),
            _calculate,
        ),
        Template(
            "chart",
            "draw a chart, plot or graph of numbers in the documents",
            (Slot("chart", "Which kind of chart?", _among(*CHARTS)), _WHAT, _MEASURE),
            _chart,
        ),
    )
}
