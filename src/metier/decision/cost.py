"""What calls and training cost, and from how many calls a month a rung pays back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from metier import stats
from metier.types import Estimate, ItemResult, Scorecard, batches_of


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """US dollars per million tokens of a remote model."""

    input: float
    output: float
    cached: float | None = None
    """For prompt tokens that the provider's cache supplied; None: as ``input``."""
    source: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of one's own, paid by the hour whether it works or not."""

    dollars_per_hour: float
    source: str = ""
    date: str = ""


Rate = TokenPrice | Machine

DEFAULT_MACHINE = Machine(
    0.10,
    source="assumption: a rented general-purpose machine with 2 cores and 8 GB; set your own price",
    date="2026-11",
)
"""Cost scales with it, so the order of local rungs does not depend on it."""


def cost_per_thousand(items: Sequence[ItemResult], rate: Rate) -> Estimate | None:
    """US dollars per thousand calls like these; None when one item leaves the spread unknown.

    By the hour it is the machine's price for the seconds that an item took, at full load; those
    are known by the batch.
    """
    dollars = [1000 * _dollars(item, rate) for item in items]
    clusters = batches_of(items) if isinstance(rate, Machine) else None
    estimate = stats.mean(dollars, clusters=clusters, bounds=(0.0, math.inf))
    return estimate if math.isfinite(estimate.high) else None


def with_cost(card: Scorecard, rate: Rate | None) -> Scorecard:
    """The scorecard with its price filled in, where one is known."""
    if rate is None:
        return card
    return replace(card, cost_per_thousand=cost_per_thousand(card.items, rate))


def break_even_calls_per_month(
    *, training: float, saved_per_thousand: float, months: float = 12.0
) -> float | None:
    """Calls a month from which a rung's lower price per call pays for its training.

    ``training`` in dollars, spread over ``months`` (after which data and task have moved and it is
    trained anew: an assumption). 1 at least; None when a call saves nothing: then it never pays
    by price.
    """
    if saved_per_thousand <= 0:
        return None
    return max(1.0, training / months / saved_per_thousand * 1000)


def _dollars(item: ItemResult, rate: Rate) -> float:
    if isinstance(rate, Machine):
        return item.seconds / 3600 * rate.dollars_per_hour
    usage = item.answer.usage
    cached = rate.input if rate.cached is None else rate.cached
    fresh = usage.prompt_tokens - usage.cached_tokens
    tokens = fresh * rate.input + usage.cached_tokens * cached
    return (tokens + usage.completion_tokens * rate.output) / 1e6
