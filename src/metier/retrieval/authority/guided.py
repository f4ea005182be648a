"""A search led by what the documents say of themselves: their entities, days and tiers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from metier.errors import DataError
from metier.protocols import Corpus, Retriever
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.changing import ChangeRetriever
from metier.retrieval.authority.linked import LinkedRetriever
from metier.retrieval.authority.tiers import Tier, TieredRetriever, TierSettings
from metier.types import Alias, Guide, Json, Passage


def guide_of(corpus: Corpus, name_columns: Sequence[str], known: Iterable[Alias] = ()) -> Guide:
    """Read the names of all entities, in all their versions, and the days from a corpus.

    ``name_columns`` are columns of the metadata with a name or a list of names; they join those
    that are ``known``. Raises ``DataError`` when columns are asked for and no document has an
    entity and one of them.
    """
    found: dict[Alias, None] = {}
    starts: set[Json] = set()
    dated = False
    for document in corpus.documents():
        told = document.metadata
        found |= dict.fromkeys(_names(told, name_columns))
        starts.add(told.get("valid_from"))
        dated = dated or _is_dated(told)
    if name_columns and not found:
        raise DataError(
            f"no document has an entity with a name in {', '.join(name_columns)}; give the source "
            "`entity`, and name columns that it keeps"
        )
    names = tuple(dict.fromkeys([*known, *found]))
    texts = (document.text for document in corpus.documents())
    return Guide(
        names,
        common=tuple(sorted(AliasTable(names).common_names(texts))) if names else (),
        earliest=_earliest(starts),
        dated=dated,
        name_columns=tuple(name_columns),
    )


def grown(guide: Guide, new: Sequence[Passage]) -> Guide:
    """The guide with the names and first days of what came into the store.

    A new name counts as a plain word too where these passages use it as one.
    """
    told = [passage.metadata for passage in new]
    names = dict.fromkeys(name for one in told for name in _names(one, guide.name_columns))
    known = set(guide.names)
    fresh = [name for name in names if name not in known]
    common = AliasTable(fresh).common_names(one.chunk.text for one in new) if fresh else set()
    starts = {passage.valid_from for passage in new}
    return replace(
        guide,
        names=(*guide.names, *fresh),
        common=tuple(sorted({*guide.common, *common})),
        earliest=_earliest({guide.earliest, *starts}),
        dated=guide.dated or any(map(_is_dated, told)),
    )


def guided(
    store: Retriever,
    guide: Guide,
    tiers: Sequence[str],
    agree_in: Sequence[str],
    *,
    depth: int = 0,
    releases: Mapping[str, str] | None = None,
) -> Retriever:
    """The store, asked tier by tier where there are ``tiers``, about whom and when a question says.

    Of ``agree_in`` and ``depth`` see ``TierSettings``, of ``releases`` ``LinkedRetriever``.
    """
    if tiers:
        settings = TierSettings(fields=tuple(agree_in), depth=depth)
        store = TieredRetriever([Tier(name, store) for name in tiers], settings)
    if not guide.names and not guide.dated:
        return store
    table = AliasTable(guide.names, common=guide.common)
    # Without the first day: a rung says itself that nothing held, and the day may be another's.
    return LinkedRetriever(store, table, releases or {})


def telling(search: Retriever, guide: Guide, releases: Mapping[str, str]) -> Retriever:
    """The search, that tells what changed where a question names an entity and two days."""
    if not guide.names or not guide.dated:
        return search
    table = AliasTable(guide.names, common=guide.common)
    return ChangeRetriever(search, table, releases, guide.earliest)


def _names(told: Mapping[str, Json], columns: Sequence[str]) -> Iterator[Alias]:
    entity = told.get("entity")
    if entity:
        for column in columns:
            value: Json = told.get(column)
            for name in value if isinstance(value, list) else [value]:
                if name:
                    yield Alias(str(name), str(entity))


def _is_dated(told: Mapping[str, Json]) -> bool:
    return bool(told.get("valid_from") or told.get("valid_to"))


def _earliest(starts: Collection[Json]) -> str | None:
    return None if not starts or not all(starts) else str(min(map(str, starts)))
