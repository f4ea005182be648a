"""What a generation will take, before it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from metier.dataset.generate.menu import WRITTEN_IN_FULL, Order, orders
from metier.dataset.generate.plan import SPANS, GenerationPlan
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.writers.answer import answer_prompt
from metier.dataset.generate.writers.ask import CONFIG, asker_prompt
from metier.protocols import Corpus, LanguageModel, Models
from metier.types import Conversation, GenerationEstimate

ASKED_TOKENS = 24
ANSWERED_TOKENS = 80
"""Means of questions and of quoted answers in the library's own measurements."""
SAMPLED = 24
"""Passages whose prompts are counted; the others are taken to be like them."""
_TRIED = 4


def estimate(corpus: Corpus, plan: GenerationPlan, models: Models) -> GenerationEstimate:
    """Requests and tokens of the whole menu; seconds from a few requests that are tried now.

    It is an upper bound: a budget, a kind that is given up and answers that are remembered from
    an earlier run make it less. Facts found by their form take no tokens.
    """
    read = list(passages(corpus, plan.subject))
    sample = read[:: max(1, len(read) // SAMPLED)][:SAMPLED]
    turns = range(1, max([0, *plan.menu.values()]) + 1)
    ordered = [o for p in sample for turn in turns for o in orders(p, turn, plan, frozenset())]
    if not ordered:
        return GenerationEstimate(len(read), 0, 0, 0, 0.0, 0.0)
    model = models.language_model(plan.asker)
    share = len(read) / len(sample)
    asked = [asker_prompt(o, plan.asker_persona) for o in ordered if o.kind not in WRITTEN_IN_FULL]
    rounds = 1 if plan.reader == SPANS else 2
    answered = [_answer(order, plan) for order in ordered] * rounds
    prompt = share * sum(_length(model, c) for c in [*asked, *answered])
    written = share * (len(asked) * ASKED_TOKENS + len(answered) * ANSWERED_TOKENS)
    dollars = None
    if plan.prices is not None:
        dollars = (prompt * plan.prices.input + written * plan.prices.output) / 1e6
    elif not plan.asker.startswith("openai:") and not plan.answerer.startswith("openai:"):
        dollars = 0.0
    return GenerationEstimate(
        chunks=len(read),
        requests=round(share * (len(asked) + len(answered))),
        prompt_tokens=round(prompt),
        completion_tokens=round(written),
        seconds=_capped(
            _seconds(model, asked or answered) * share * len([*asked, *answered]), plan
        ),
        dollars=dollars,
    )


def _answer(order: Order, plan: GenerationPlan) -> Conversation:
    return answer_prompt(order.passage, "x" * 80, plan.answerer_persona)


def _length(model: LanguageModel, conversation: Conversation) -> int:
    return sum(model.count_tokens(message.content) for message in conversation)


def _seconds(model: LanguageModel, conversations: Sequence[Conversation]) -> float:
    """Seconds for one request, from a few in one batch."""
    tried = conversations[:_TRIED]
    began = time.monotonic()
    model.generate(tried, CONFIG)
    return (time.monotonic() - began) / len(tried)


def _capped(seconds: float, plan: GenerationPlan) -> float:
    return seconds if plan.minutes is None else min(seconds, plan.minutes * 60)
