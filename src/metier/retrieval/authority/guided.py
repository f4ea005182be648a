"""A search led by what the documents say of themselves: their entities, days and tiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metier.errors import DataError
from metier.protocols import Corpus, Retriever
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.linked import LinkedRetriever
from metier.retrieval.authority.tiers import Tier, TieredRetriever, TierSettings
from metier.types import Alias, CleanDocument, Guide, Json


def guide_of(corpus: Corpus, name_columns: Sequence[str]) -> Guide:
    """Read the names of all entities, in all their versions, and the first day from a corpus.

    ``name_columns`` are columns of the metadata with a name or a list of names. Raises
    ``DataError`` when they are asked for and no document has an entity and one of them.
    """
    names = dict.fromkeys(name for one in corpus.documents() for name in _names(one, name_columns))
    if name_columns and not names:
        raise DataError(
            f"no document has an entity with a name in {', '.join(name_columns)}; give the source "
            "`entity`, and name columns that it keeps"
        )
    texts = (document.text for document in corpus.documents())
    common = AliasTable(names).common_names(texts) if names else set()
    return Guide(tuple(names), tuple(sorted(common)), _earliest(corpus))


def guided(
    store: Retriever, guide: Guide, tiers: Sequence[str], agree_in: Sequence[str], *, depth: int = 0
) -> Retriever:
    """The store, asked tier by tier where there are ``tiers``, about whom and when a question says.

    Of ``agree_in`` and ``depth`` see ``TierSettings``.
    """
    if tiers:
        settings = TierSettings(fields=tuple(agree_in), depth=depth)
        store = TieredRetriever([Tier(name, store) for name in tiers], settings)
    if not guide.names:
        return store
    table = AliasTable(guide.names, common=guide.common)
    return LinkedRetriever(store, table, earliest=guide.earliest)


def _names(document: CleanDocument, columns: Sequence[str]) -> Iterator[Alias]:
    entity = document.metadata.get("entity")
    if entity:
        for column in columns:
            value: Json = document.metadata.get(column)
            for name in value if isinstance(value, list) else [value]:
                if name:
                    yield Alias(str(name), str(entity))


def _earliest(corpus: Corpus) -> str | None:
    starts = {document.metadata.get("valid_from") for document in corpus.documents()}
    return None if not starts or not all(starts) else str(min(map(str, starts)))
