"""Every item with every prompt and answer, packed so that thousands fit into one page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from metier.decision.report.view import Rung, View, item_value
from metier.types import ItemResult, Json, Message

OUTCOMES = ("lost", "won", "both wrong", "both right", "wrong", "right")
"""In the order of the page: what speaks against the recommendation comes first."""


@dataclass(frozen=True, slots=True)
class RungAnswer:
    """One rung's result on an item."""

    rung: Rung
    result: ItemResult
    value: float | None

    @property
    def top(self) -> tuple[tuple[str, float], ...]:
        """The three most probable labels."""
        given = self.result.answer.probabilities or {}
        return tuple(sorted(given.items(), key=lambda one: -one[1])[:3])


@dataclass(frozen=True, slots=True)
class Item:
    """One test item under all rungs."""

    id: str
    input: str
    target: str
    outcome: str
    answers: tuple[RungAnswer, ...]

    def of(self, rung: Rung | None) -> RungAnswer | None:
        """Return one rung's result."""
        return next((one for one in self.answers if rung and one.rung.index == rung.index), None)


def gather(view: View) -> list[Item]:
    """Line up the rungs' results by item, losses of the focus against the rung below first."""
    results: dict[str, list[RungAnswer]] = {}
    for rung in view.rungs:
        for result in rung.card.items:
            value = item_value(result, view.report.metric)
            results.setdefault(result.example, []).append(RungAnswer(rung, result, value))
    items = [_item(view, key, answers) for key, answers in results.items()]
    return sorted(items, key=lambda item: OUTCOMES.index(item.outcome))


def packed(view: View, items: Sequence[Item]) -> Markup:
    """Write the items as JSON that is safe inside ``<script>``.

    Keys: ``rungs`` (name, colour class), ``focus`` and ``below`` (positions in ``rungs``),
    ``strings`` and ``items``. An item is ``[id, input, target, answers]``; an answer is
    ``[rung, text, value, seconds, tokens in, tokens out, abstained, prompt, labels,
    probabilities, cited, explanations]``. Texts that recur are positions in ``strings``; a
    prompt's message is ``[role, before, length, after]``: the text ``before``, the first
    ``length`` characters of the input, the text ``after``. Nothing is shortened.
    """
    table = _Strings()
    rows = [
        [
            item.id,
            item.input,
            item.target,
            [_answer(one, item.input, table) for one in item.answers],
        ]
        for item in items
    ]
    data = {
        "rungs": [[rung.name, rung.ink] for rung in view.rungs],
        "focus": view.focus.index,
        "below": view.below.index if view.below else None,
        "strings": table.texts,
        "items": rows,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Inside <script> only these can end the element or open a comment; JSON reads them back.
    # Lone surrogates, which UTF-8 cannot write, become escapes too.
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    whole = "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in safe)
    return Markup(whole)


def outcome(one: float | None, other: float | None) -> str:
    """Name how a rung did on an item against another one; not scored counts as wrong."""
    one, other = one or 0.0, other or 0.0
    if one != other:
        return "won" if one > other else "lost"
    return "both right" if one >= 1 else "both wrong"


class _Strings:
    """Numbers each text once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self.texts)
            self.texts.append(text)
        return self._known[text]


def _item(view: View, key: str, answers: list[RungAnswer]) -> Item:
    values = {one.rung.index: one.value for one in answers}
    mine = values.get(view.focus.index)
    if view.below is None:
        result = "right" if (mine or 0.0) >= 1 else "wrong"
    else:
        result = outcome(mine, values.get(view.below.index))
    first = answers[0].result
    return Item(key, first.input, first.target, result, tuple(answers))


def _answer(one: RungAnswer, text: str, table: _Strings) -> list[Json]:
    answer = one.result.answer
    given = answer.probabilities or {}
    return [
        one.rung.index,
        answer.text,
        one.value,
        float(f"{one.result.seconds:.3g}"),
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
        int(answer.abstained),
        [_message(message, text, table) for message in answer.prompt],
        [table(label) for label in given],
        [float(f"{value:.3g}") for value in given.values()],
        [chunk.title or chunk.id for chunk in answer.cited],
        [score.explanation for score in one.result.scores if score.explanation],
    ]


def _message(message: Message, text: str, table: _Strings) -> list[Json]:
    content, start = message.content, -1
    if text:
        # Prompts hold the input whole or cut at its end; its beginning finds it. The last place
        # counts, since a few-shot example may begin alike.
        start = content.rfind(text[:40])
    if start < 0:
        return [message.role, table(content), 0, table("")]
    length = _shared(content[start:], text)
    return [
        message.role,
        table(content[:start]),
        # JavaScript counts UTF-16 units.
        len(text[:length].encode("utf-16-le", "surrogatepass")) // 2,
        table(content[start + length :]),
    ]


def _shared(one: str, other: str) -> int:
    if one.startswith(other):
        return len(other)
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
