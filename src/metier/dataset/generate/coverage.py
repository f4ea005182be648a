"""How much of the passages, and of the facts in them, has enough accepted questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from metier.dataset.generate.proposal import Proposal
from metier.stats import proportion
from metier.types import Coverage


def coverage(
    accepted: Iterable[Proposal],
    *,
    chunks: Sequence[str],
    facts: frozenset[str],
    least: int,
) -> Coverage:
    """``chunks`` are the ids of all passages, ``facts`` those of all facts (``Proposal.fact_id``).

    An unanswerable question covers nothing: it says what a passage does not say.
    """
    by_chunk: Counter[str] = Counter()
    by_fact: Counter[str] = Counter()
    for proposal in accepted:
        if proposal.kind == "unanswerable":
            continue
        by_chunk[proposal.passage.chunk.id] += 1
        by_fact[proposal.fact_id] += 1
    covered = sum(by_chunk[chunk] >= least for chunk in chunks)
    stated = sum(by_fact[fact] >= least for fact in facts)
    return Coverage(
        least=least,
        chunks=proportion(covered, len(chunks)),
        facts=proportion(stated, len(facts)) if facts else None,
    )
