"""Thinking harder: several drafts of an answer, and a vote among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from metier.serving.engines.reading import Written, total
from metier.serving.engines.writing import Ask
from metier.serving.gate.wire import Thinking
from metier.types import Conversation, Json, Message, Usage

TEMPERATURE = 0.7
"""Wang et al. 2023 (self-consistency) vote among samples drawn at 0.7; the drafts of ensemble
refinement (Singhal et al. 2023, Med-PaLM 2) are drawn in the same way here."""

REASON = "\n\nThink it through step by step before you answer."
CONCLUDE = "So what is the answer? Give only the answer."
WEIGH = "Weigh these drafts, some of which may be wrong, and give the right answer."

_MARK = re.compile(r"(?i)(?:\banswer\b(?:[^.:\n]{0,60}?\bis\b[ \t]*:?|[ \t]*:)|####)[ \t]*(?=\S)")
_NUMBER = re.compile(r"[\s*$€£\"'(]*(-?\d[\d,]*(?:\.\d+)?)")

Answer = Callable[[Sequence[Ask]], Awaitable[list[Written]]]
"""Answers all asks, as many at once as the engine can."""


@dataclass(frozen=True, slots=True)
class Thought:
    """The answer that won, and how the vote went."""

    written: Written
    usage: Usage
    """Of everything that was written; a prompt counts once for all that is drawn from it."""
    told: Json


async def think(thinking: Thinking, ask: Ask, answer: Answer) -> Thought:
    """Draft, conclude, vote.

    Self-consistency votes among independent drafts. Ensemble refinement shows the drafts to the
    model, draws answers that are conditioned on all of them, and votes among those. An answer
    whose form is bound (a choice, a schema) is drafted in free text first, since a bound answer
    leaves no room for reasoning, and then concluded from each draft.
    """
    count = thinking.drafts
    bound = bool(ask.config.choices) or ask.config.json_schema is not None
    steps = bound or thinking.method == "ensemble_refinement"
    drafts = await answer(_drawn(_draft(thinking, ask, reasoned=steps), count))
    spent = total([draft.end for draft in drafts])
    answers = drafts
    if thinking.method == "ensemble_refinement":
        answers = await answer(_drawn(_refined(ask, drafts), thinking.refinements or count))
        spent += total([one.end for one in answers])
    elif bound:
        answers = await answer([_concluded(ask, draft) for draft in drafts])
        spent = sum((one.end.usage for one in answers if one.end), spent)
    winner, agreeing = vote(answers)
    told = {
        "method": thinking.method,
        "drafts": [draft.text for draft in drafts],
        "votes": len(answers),
        "agreeing": agreeing,
    }
    return Thought(winner, spent, told)


def vote(answers: Sequence[Written]) -> tuple[Written, int]:
    """The answer that most agree with, the first on a tie, and how many agree."""
    said = [final(answer.text) for answer in answers]
    counts = Counter(said)
    best = max(range(len(answers)), key=lambda place: (counts[said[place]], -place))
    return answers[best], counts[said[best]]


def final(text: str) -> str:
    """What two answers are compared by: what follows the last "answer is", "Answer:" or "####".

    Where that begins with a number it is compared as a number. Without such a mark it is the whole
    text, but for case and white space.
    """
    marks = list(_MARK.finditer(text))
    said = text[marks[-1].end() :].partition("\n")[0] if marks else text
    number = _NUMBER.match(said) if marks else None
    if number:
        return f"{Decimal(number[1].replace(',', '')).normalize():f}"
    return " ".join(said.split()).strip(" .*\"'").casefold()


def _draft(thinking: Thinking, ask: Ask, *, reasoned: bool) -> Ask:
    """Free text at a temperature, each draft within its share of the budget."""
    config = replace(
        ask.config,
        temperature=ask.config.temperature or TEMPERATURE,
        choices=(),
        json_schema=None,
        stop=ask.config.stop if not reasoned else (),
    )
    if thinking.budget_tokens is not None:
        share = max(1, thinking.budget_tokens // thinking.drafts)
        most = share if reasoned else min(share, config.max_new_tokens)
        config = replace(config, max_new_tokens=most)
    prompt = _said(ask.prompt, REASON) if reasoned else ask.prompt
    return replace(ask, prompt=prompt, config=config)


def _concluded(ask: Ask, draft: Written) -> Ask:
    """The answer that a draft comes to, greedy: what differs is the draft."""
    turns = (Message("assistant", draft.text), Message("user", CONCLUDE))
    prompt = (*_said(ask.prompt, REASON), *turns)
    return replace(ask, prompt=prompt, config=replace(ask.config, temperature=0.0))


def _refined(ask: Ask, drafts: Sequence[Written]) -> Ask:
    listed = "\n\n".join(f"Draft {n}: {one.text.strip()}" for n, one in enumerate(drafts, start=1))
    config = replace(ask.config, temperature=ask.config.temperature or TEMPERATURE)
    return replace(ask, prompt=_said(ask.prompt, f"\n\n{listed}\n\n{WEIGH}"), config=config)


def _drawn(ask: Ask, count: int) -> list[Ask]:
    """The same with as many seeds."""
    seeds = range(ask.config.seed, ask.config.seed + count)
    return [replace(ask, config=replace(ask.config, seed=seed)) for seed in seeds]


def _said(prompt: Conversation | str, more: str) -> Conversation:
    """With something added to the last thing said."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    last = turns[-1]
    return (*turns[:-1], Message(last.role, f"{last.content}{more}"))
