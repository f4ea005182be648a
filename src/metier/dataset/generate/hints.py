"""What would have more rows kept, told when a writer wastes most of what it writes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.proposal import Proposal
from metier.stats import proportion


def weak_teachers(judged: Iterable[Proposal], plan: GenerationPlan) -> tuple[str, ...]:
    """A sentence about each model of whose rows too few were kept to pay for their writing.

    Too few is as for a kind of question, which is given up then.
    """
    tried: dict[str, Counter[bool]] = defaultdict(Counter)
    for proposal in judged:
        if proposal.answerer:  # forms and rules have none
            tried[proposal.generator][proposal.dropped is None] += 1
    return tuple(
        f"{writer} wrote rows of which {proportion(kept[True], kept.total())} were kept: name a "
        "stronger model as `teacher` in [generate], or give people's questions in [questions]"
        for writer, kept in sorted(tried.items())
        if plan.gives_up(kept)
    )
