"""All passages of a scope, without a store: what is seen is what a store lets through."""

import itertools
import random

from metier.retrieval.known import Everything
from metier.types import Scope
from tests.retrieval.stores import passage, store


def test_a_scope_means_the_same_in_a_store_and_without_one(tmp_path):
    draw = random.Random(0)
    days = (None, "2020-01-01", "2021-01-01", "2022-01-01")
    given = [
        passage(
            f"{number}",
            "a text about rivers",
            tenant=draw.choice(["", "a", "b"]),
            tier=draw.choice(["", "web"]),
            entity=draw.choice(["", "T1"]),
            valid_from=draw.choice(days),
            valid_to=draw.choice(days),
        )
        for number in range(100)
    ]
    index, everything = store(tmp_path / "index", *given), Everything(given)
    every = itertools.product(("", "a", "c"), ((), ("web",)), ((), ("T1",)), days)
    for tenant, tiers, entities, day in every:
        scope = Scope(day, tiers, tenant, entities)
        stored, known = (one.search(["rivers"], 100, scope=scope)[0] for one in (index, everything))
        assert {hit.key for hit in stored} == {hit.key for hit in known}
        assert all(hit.tenant in ("", tenant) for hit in known)
