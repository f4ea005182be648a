"""A search that knows whom a question names and which day it asks about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from metier.protocols import Retriever
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.dates import check_as_of, date_asked
from metier.retrieval.store.starts import starts_of
from metier.types import Hit, Scope

_WIDER = 4
"""How many times ``k`` is looked at when passages of other entities must name the one asked."""


@dataclass(frozen=True, slots=True)
class LinkedRetriever:
    """Limits each search to the entities that its question names, and to the day it names.

    A question that names an entity finds what is about it under any of its names, then what
    mentions it, and nothing else: an odd name (``Dragonfly``) pulls in no insects. A question
    that names none is searched as it is. What the given scope says goes before what the question
    says.
    """

    inner: Retriever
    names: AliasTable
    releases: Mapping[str, str] = field(default_factory=dict)
    """Dates of names that a question may use for them: ``{"v12": "2022-10-25"}``."""
    earliest: str | None = None
    """The day before which there was nothing: a scope as of an earlier one raises ``DataError``, a
    question that names one finds nothing."""

    def starts(self, scope: Scope) -> set[str]:
        """As the search within says."""
        return starts_of(self.inner, scope)

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each; ``DataError`` for a scope as of before everything."""
        given = scope or Scope()
        scopes = [self.scope_of(question, given) for question in questions]
        found: list[list[Hit]] = [[] for _ in questions]
        for one in dict.fromkeys(scopes):  # those of one scope are embedded together
            places = [place for place, its in enumerate(scopes) if its == one]
            asked = [questions[place] for place in places]
            for place, hits in zip(places, self.inner.search(asked, k, scope=one), strict=True):
                found[place] = hits
        if given.entities:
            return found
        return [
            hits + self._mentioning(question, k - len(hits), its, hits)
            if its.entities and len(hits) < k
            else hits
            for question, its, hits in zip(questions, scopes, found, strict=True)
        ]

    def scope_of(self, question: str, scope: Scope | None = None) -> Scope:
        """The scope with what the question itself says about whom and when."""
        given = scope or Scope()
        if given.as_of is None:
            as_of = date_asked(question, self.releases)
        else:
            as_of = check_as_of(given.as_of, self.earliest)
        found = [entity for mention in self.names.link(question) for entity in mention.entities]
        return replace(given, as_of=as_of, entities=given.entities or tuple(dict.fromkeys(found)))

    def _mentioning(self, question: str, k: int, scope: Scope, hits: Sequence[Hit]) -> list[Hit]:
        """Passages about others, or about nobody, that mention the entities by name."""
        known = {hit.key for hit in hits}
        wide = replace(scope, entities=())
        found = self.inner.search([self.names.expand(question)], _WIDER * k, scope=wide)[0]
        least = min((hit.score for hit in hits), default=None)
        kept = [hit for hit in found if hit.key not in known and self._names_one(hit, scope)]
        # Scores of two searches do not compare; those of the second come after, so they are less.
        return [
            hit if least is None else replace(hit, score=min(hit.score, least)) for hit in kept[:k]
        ]

    def _names_one(self, hit: Hit, scope: Scope) -> bool:
        mentions = self.names.link(f"{hit.chunk.title}. {hit.chunk.text}")
        return any(entity in scope.entities for one in mentions for entity in one.entities)
