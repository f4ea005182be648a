"""Plans with blanks: a small model only chooses among given words, and the result is a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from metier.retrieval.store.words import terms
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
    examples: tuple[tuple[str, str], ...] = ()
    """Requests and what stands here for them, shown to the model."""


@dataclass(frozen=True, slots=True)
class Template:
    """A plan for one kind of request."""

    name: str
    description: str
    examples: tuple[str, ...]
    """Requests of this kind, shown to the model that chooses."""
    slots: tuple[Slot, ...]
    nodes: Callable[[str, Slots], tuple[PlanNode, ...]]


def words_of(request: str) -> list[str]:
    """The request's own longer words, once each: a column is called as the person calls it."""
    plain = re.findall(r"[^\W\d][\w-]{2,}", request.replace("'s", " ").lower())
    kept = [word for word in plain if word not in _NOT_COLUMNS and terms(word, "en")]
    return [word[:60] for word in dict.fromkeys(kept)] or ["value"]


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


_MEASURE = Slot(
    "measure",
    "The word for the number that is wanted",
    words_of,
    (
        ("Plot the rainfall of each month as a line chart.", "rainfall"),
        ("What is the average height of the towers?", "height"),
        ("Draw the number of visitors by country.", "visitors"),
    ),
)
_WHAT = Slot(
    "what",
    "The word for what each number belongs to",
    lambda request: (*words_of(request), "title"),
    (
        ("Plot the rainfall of each month as a line chart.", "month"),
        ("What is the average height of the towers?", "towers"),
        ("Draw the number of visitors by country.", "country"),
    ),
)
_OPERATION = Slot(
    "operation",
    "What is to be reckoned",
    lambda request: tuple(_OPERATIONS),
    (
        ("What is the average height of the towers?", "average"),
        ("How many tonnes were shipped altogether?", "total"),
        ("Which is the highest price of a ticket?", "largest"),
        ("How many rivers are longer than 500 km?", "number of"),
    ),
)
_CHART = Slot(
    "chart",
    "The kind of chart",
    lambda request: CHARTS,
    (
        ("Plot the rainfall of each month as a line chart.", "line"),
        ("Draw the number of visitors by country.", "bar"),
        ("Show each party's share in a pie.", "pie"),
    ),
)

TEMPLATES: Mapping[str, Template] = {
    one.name: one
    for one in (
        Template(
            "answer",
            "answer a question from the documents in words",
            ("Who built the bridge?", "When does the library close?", "How is a claim made?"),
            (),
            _answer,
        ),
        Template(
            "calculate",
            "reckon one number from several in the documents: a total, an average, the largest",
            (
                "What is the average height of the towers?",
                "How many tonnes were shipped altogether?",
                "What is the total of all fines?",
            ),
            (_OPERATION, _MEASURE, _WHAT),
            _calculate,
        ),
        Template(
            "chart",
            "draw a chart, plot or graph of numbers in the documents",
            (
                "Plot the rainfall of each month as a line chart.",
                "Draw the number of visitors by country.",
                "Show each party's share in a pie.",
            ),
            (_CHART, _MEASURE, _WHAT),
            _chart,
        ),
    )
}
