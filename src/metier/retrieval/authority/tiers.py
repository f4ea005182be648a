"""Several stores of different authority searched as one: the first word is the highest's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from metier.errors import DataError
from metier.protocols import Retriever
from metier.retrieval.authority.timeline import holds
from metier.retrieval.store.starts import starts_of
from metier.retrieval.store.words import terms
from metier.types import Hit, Json, Scope

Supports = Callable[[str, Hit], float]
"""How much of the question a passage is about, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One level of authority and where its passages are searched."""

    name: str
    """The value of ``tier`` in its passages."""
    retriever: Retriever
    """May be the same store for several tiers."""


@dataclass(frozen=True, slots=True)
class TierSettings:
    """When a lower tier is asked, and what becomes of what it contradicts."""

    least_support: float = 0.5
    """A hit answers from this support on; where fewer than ``k`` do, the next tier is asked. Half
    of a question's words is the middle of what its own paragraph holds and what others hold."""
    depth: int = 0
    """Hits of each tier that are looked at, where that is more than ``k``: for a tier whose
    retriever puts those that answer behind others, as a reranker may."""
    fields: tuple[str, ...] = ()
    """Metadata that two passages on one entity must agree in."""
    on_conflict: Literal["drop", "mark"] = "drop"
    """Leave a contradicted passage out, or keep it with ``metadata["conflict"]``: each field's two
    values and the passage that was believed."""


class TieredRetriever:
    """Asks the most authoritative tier first; the others only fill what it leaves open."""

    def __init__(
        self,
        tiers: Sequence[Tier],
        settings: TierSettings | None = None,
        *,
        supports: Supports | None = None,
    ) -> None:
        """``tiers`` in order of authority; ``supports`` defaults to ``words_covered``."""
        names = [tier.name for tier in tiers]
        if not names or len(set(names)) < len(names):
            raise DataError(f"tiers must be named, each once; these are {names}")
        self._tiers = tuple(tiers)
        self._settings = settings or TierSettings()
        self._supports = supports or words_covered

    def starts(self, scope: Scope) -> set[str]:
        """As the stores of the tiers that are asked say."""
        return {
            day
            for tier in self._asked(scope)
            for day in starts_of(tier.retriever, replace(scope, tiers=(tier.name,)))
        }

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each question: first what answers, then the rest, by authority.

        Every hit has its ``tier``. Raises ``DataError`` when the scope names an unknown tier.
        """
        given = scope or Scope()
        found = [_Found() for _ in questions]
        count = max(k, self._settings.depth)
        for tier in self._asked(given):
            places = [place for place, one in enumerate(found) if len(one.answering) < k]
            own = replace(given, tiers=(tier.name,))
            asked = [questions[place] for place in places]
            if asked:
                every = tier.retriever.search(asked, count, scope=own)
                for place, hits in zip(places, every, strict=True):
                    self._take(questions[place], _owned(hits, tier, given), found[place])
        return [_descending([*one.answering, *one.others][:k]) for one in found]

    def _asked(self, scope: Scope) -> list[Tier]:
        known = [tier.name for tier in self._tiers]
        unknown = sorted(set(scope.tiers) - set(known))
        if unknown:
            raise DataError(f"there is no tier {unknown[0]!r}; there are {', '.join(known)}")
        return [tier for tier in self._tiers if not scope.tiers or tier.name in scope.tiers]

    def _take(self, question: str, hits: Sequence[Hit], found: _Found) -> None:
        for hit in self._without_conflict([*found.answering, *found.others], hits):
            enough = self._supports(question, hit) >= self._settings.least_support
            (found.answering if enough else found.others).append(hit)

    def _without_conflict(self, above: Sequence[Hit], found: Sequence[Hit]) -> list[Hit]:
        kept = []
        for hit in found:
            conflict = next((one for higher in above if (one := self._conflict(higher, hit))), None)
            if conflict is None:
                kept.append(hit)
            elif self._settings.on_conflict == "mark":
                kept.append(replace(hit, metadata={**hit.metadata, "conflict": conflict}))
        return kept

    def _conflict(self, higher: Hit, lower: Hit) -> dict[str, Json] | None:
        """What the lower passage says otherwise of the same entity at the same time."""
        entity = lower.metadata.get("entity")
        if higher.tier == lower.tier:
            return None
        same = higher.chunk.source.document == lower.chunk.source.document
        if same and higher.tenant == lower.tenant:
            return {"with": higher.chunk.id, "fields": {}}
        if not entity or higher.metadata.get("entity") != entity or not _overlap(higher, lower):
            return None
        fields: dict[str, Json] = {
            name: [higher.metadata[name], lower.metadata[name]]
            for name in self._settings.fields
            if _contradict(higher.metadata.get(name), lower.metadata.get(name))
        }
        return {"with": higher.chunk.id, "fields": fields} if fields else None


@dataclass(frozen=True, slots=True)
class _Found:
    """What the tiers so far have for one question."""

    answering: list[Hit] = field(default_factory=list)
    others: list[Hit] = field(default_factory=list)


def words_covered(question: str, hit: Hit) -> float:
    """Share of the question's longer words that the passage or its title has, stemmed as English.

    Words of up to three letters say little and are left out, unless there are no others. The
    scores of a search cannot serve here: they compare its hits with each other only.
    """
    asked = set(terms(question, "en"))
    asked = {word for word in asked if len(word) > 3 or word.isdigit()} or asked
    there = set(terms(f"{hit.chunk.title}\n{hit.chunk.text}", "en"))
    return len(asked & there) / max(1, len(asked))


def _owned(hits: Sequence[Hit], tier: Tier, scope: Scope) -> list[Hit]:
    """The tier's name on each hit; a store that ignored the tenant loses what is another's."""
    return [
        replace(hit, tier=tier.name)
        for hit in hits
        if (hit.tenant or str(hit.metadata.get("tenant") or "")) in ("", scope.tenant)
    ]


def _contradict(one: Json, other: Json) -> bool:
    """Whether both say something, and not the same."""
    said, against = _said(one), _said(other)
    return bool(said) and bool(against) and said != against


def _said(value: Json) -> frozenset[str]:
    """What a value says, whatever its case, blanks and order; nothing where it is empty."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return frozenset(text for one in values if (text := " ".join(str(one).casefold().split())))


def _overlap(one: Hit, other: Hit) -> bool:
    later = max(one.valid_from or "", other.valid_from or "")
    return holds(one.valid_from, one.valid_to, later) and holds(
        other.valid_from, other.valid_to, later
    )


def _descending(hits: Sequence[Hit]) -> list[Hit]:
    """Scores that fall in this order: those of different stores do not compare."""
    return [replace(hit, score=1 / place) for place, hit in enumerate(hits, 1)]
