"""What a generation will take, before it starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metier.dataset.generate.menu import WRITTEN_IN_FULL, Order, orders
from metier.dataset.generate.plan import SPANS, TEXT, GenerationPlan
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.writers.answer import answer_prompt
from metier.dataset.generate.writers.ask import CONFIG, asker_prompt
from metier.dataset.generate.writers.ledger import Ledger, MemoryLedger
from metier.dataset.generate.writers.teacher import Teacher
from metier.protocols import Corpus, LanguageModel, Models
from metier.types import Conversation, GenerationEstimate

ASKED_TOKENS = 24
ANSWERED_TOKENS = 80
CHECKED_TOKENS = 2
"""Means of questions and of quoted answers in the library's own measurements."""
SAMPLED = 24
"""Passages whose prompts are counted; the others are taken to be like them."""
_TRIED = 4


@dataclass(frozen=True, slots=True)
class _Part:
    """What one role has to do with the sampled passages."""

    name: str
    prompts: Sequence[Conversation]
    written: int
    """Tokens of an answer."""


def estimate(
    corpus: Corpus, plan: GenerationPlan, models: Models, ledger: Ledger | None = None
) -> GenerationEstimate:
    """Requests and tokens of the whole menu; seconds from a few requests that are tried now.

    It is an upper bound: a budget, a kind that is given up and answers that are remembered from
    an earlier run make it less. Facts found by their form take no tokens. What is tried is kept
    in the ledger, so that the generation does not ask it again.
    """
    read = list(passages(corpus, plan.subject))
    sample = read[:: max(1, len(read) // SAMPLED)][:SAMPLED]
    turns = range(1, max([0, *plan.menu.values()]) + 1)
    ordered = [o for p in sample for turn in turns for o in orders(p, turn, plan, frozenset())]
    if not ordered:
        return GenerationEstimate(len(read), 0, 0, 0, 0.0, 0.0)
    share = len(read) / len(sample)
    parts = _parts(ordered, plan)
    requests = share * sum(len(part.prompts) for part in parts)
    prompt = {p.name: 0.0 for p in parts}
    written = dict(prompt)
    for part in parts:
        model = models.language_model(part.name)
        prompt[part.name] += share * sum(_length(model, c) for c in part.prompts)
        written[part.name] += share * len(part.prompts) * part.written
    each = _seconds(models.language_model(parts[0].name), parts[0], ledger or MemoryLedger())
    return GenerationEstimate(
        chunks=len(read),
        requests=round(requests),
        prompt_tokens=round(sum(prompt.values())),
        completion_tokens=round(sum(written.values())),
        seconds=_capped(each * requests, plan),
        dollars=_dollars(prompt, written, plan),
    )


def _parts(ordered: Sequence[Order], plan: GenerationPlan) -> list[_Part]:
    """Asker, answerer and, where models, the reader and the checker; none without prompts."""
    asked = [asker_prompt(o, plan.asker_persona) for o in ordered if o.kind not in WRITTEN_IN_FULL]
    answered = [_answer(order, plan) for order in ordered]
    parts = [
        _Part(plan.asker, asked, ASKED_TOKENS),
        _Part(plan.answerer, answered, ANSWERED_TOKENS),
    ]
    if plan.reader != SPANS:
        parts.append(_Part(plan.reader, answered, ANSWERED_TOKENS))
    if plan.checker != TEXT:
        parts.append(_Part(plan.checker, answered, CHECKED_TOKENS))
    return [part for part in parts if part.prompts]


def _dollars(
    prompt: Mapping[str, float], written: Mapping[str, float], plan: GenerationPlan
) -> float | None:
    """None where a remote model has no price; local ones cost no dollars by the token."""
    total = 0.0
    for name in prompt:
        price = plan.prices.get(name)
        if price is not None:
            total += (prompt[name] * price.input + written[name] * price.output) / 1e6
        elif name.startswith("openai:"):
            return None
    return total


def _answer(order: Order, plan: GenerationPlan) -> Conversation:
    return answer_prompt(order.passage, "x" * 80, plan.answerer_persona)


def _length(model: LanguageModel, conversation: Conversation) -> int:
    return sum(model.count_tokens(message.content) for message in conversation)


def _seconds(model: LanguageModel, part: _Part, ledger: Ledger) -> float:
    """Seconds for one request, from a few in one batch that were not asked before."""
    teacher = Teacher(model, ledger)
    new = [c for c in part.prompts if not teacher.knows(c, CONFIG)]
    tried = new[:_TRIED]
    if not tried:
        return 0.0
    began = time.monotonic()
    teacher.ask(tried, CONFIG)
    return (time.monotonic() - began) / len(tried)


def _capped(seconds: float, plan: GenerationPlan) -> float:
    return seconds if plan.minutes is None else min(seconds, plan.minutes * 60)
