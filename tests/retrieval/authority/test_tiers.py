"""Authority: the curated word goes first, gaps are filled, conflicts settled, tenants apart."""

import random

import pytest

from metier.errors import DataError
from metier.protocols import Retriever
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.linked import LinkedRetriever
from metier.retrieval.authority.tiers import Tier, TieredRetriever, TierSettings
from metier.types import Alias, Scope
from tests.retrieval.stores import passage, store


def said(document, text, tier, **more):
    return passage(document, text, tier=tier, metadata=more, entity=more.get("entity", ""))


def tiered(index, settings=None):
    return TieredRetriever([Tier("curated", index), Tier("web", index)], settings)


@pytest.fixture
def index(tmp_path):
    return store(
        tmp_path / "index",
        said("c1", "The mayor of Arlen is Ann Berg.", "curated", entity="arlen", mayor="Berg"),
        said("w1", "The mayor of Arlen is Cid Dorn.", "web", entity="arlen", mayor="Dorn"),
        said("w2", "The mayor of Arlen lives in Arlen.", "web", entity="arlen", mayor="Berg"),
        said("w3", "Harvest festival of Arlen: pumpkins every October.", "web", entity="arlen"),
    )


def documents(hits):
    return [hit.chunk.source.document for hit in hits]


def test_the_contract_is_kept(index):
    assert isinstance(tiered(index), Retriever)


def test_the_curated_tier_goes_first_and_each_hit_shows_its_tier(index):
    hits = tiered(index).search(["Who is mayor of Arlen?"])[0]
    assert hits[0].tier == "curated"
    assert {hit.tier for hit in hits} == {"curated", "web"}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_lower_tier_is_not_asked_when_the_higher_answers(index):
    assert documents(tiered(index).search(["Who is mayor of Arlen?"], 1)[0]) == ["c1"]


def test_a_gap_is_filled_before_what_does_not_answer(index):
    hits = tiered(index).search(["When are the pumpkins of the harvest festival?"], 1)[0]
    assert documents(hits) == ["w3"]


def test_the_higher_tier_wins_a_conflict(index):
    drop = tiered(index, TierSettings(fields=("mayor",)))
    assert documents(drop.search(["Who is mayor of Arlen?"], 5)[0])[:2] == ["c1", "w2"]
    mark = tiered(index, TierSettings(fields=("mayor",), on_conflict="mark"))
    hits = {hit.chunk.source.document: hit for hit in mark.search(["mayor of Arlen"], 5)[0]}
    assert hits["w1"].metadata["conflict"] == {
        "with": "c1#0",
        "fields": {"mayor": ["Berg", "Dorn"]},
    }
    assert "conflict" not in hits["w2"].metadata


@pytest.mark.parametrize(
    ("higher", "lower", "conflict"),
    [
        ("Russia", "China", True),
        (["a", "b"], ["a"], True),
        ("", "Russia", False),
        (None, "Russia", False),
        ([], ["a"], False),
        ("Russia", " russia ", False),
        (["a", "b"], ["b", "a"], False),
    ],
)
def test_only_what_says_something_else_is_a_conflict(tmp_path, higher, lower, conflict):
    index = store(
        tmp_path / "index",
        said("c", "Cozy Bear is a group.", "curated", entity="G1", country=higher),
        said("w", "Cozy Bear is a group based there.", "web", entity="G1", country=lower),
    )
    hits = tiered(index, TierSettings(fields=("country",))).search(["Where is Cozy Bear?"])[0]
    assert documents(hits) == (["c"] if conflict else ["c", "w"])


def test_values_of_different_years_are_no_conflict(tmp_path):
    index = store(
        tmp_path / "index",
        passage(
            "now", "Mayor of Arlen: Berg", tier="curated", valid_from="2020-01-01",
            metadata={"entity": "arlen", "mayor": "Berg"},
        ),
        passage(
            "then", "Mayor of Arlen: Dorn", tier="web", valid_to="2020-01-01",
            metadata={"entity": "arlen", "mayor": "Dorn"},
        ),
    )  # fmt: skip
    settings = TierSettings(fields=("mayor",))
    assert documents(tiered(index, settings).search(["mayor of Arlen"])[0]) == ["now"]
    then = tiered(index, settings).search(["mayor of Arlen"], scope=Scope(as_of="2019-01-01"))[0]
    assert documents(then) == ["then"]


def test_one_id_in_two_tiers_is_one_document(tmp_path):
    curated = store(tmp_path / "a", said("d", "The river Wend is 90 km long.", "curated"))
    web = store(tmp_path / "b", said("d", "The river Wend is 80 km long.", "web"))
    both = TieredRetriever([Tier("curated", curated), Tier("web", web)])
    assert [hit.tier for hit in both.search(["How long is the river Wend?"])[0]] == ["curated"]


def test_a_scope_chooses_tiers_and_unknown_ones_are_named(index):
    hits = tiered(index).search(["mayor of Arlen"], scope=Scope(tiers=("web",)))[0]
    assert {hit.tier for hit in hits} == {"web"}
    with pytest.raises(DataError, match="no tier 'wiki'; there are curated, web"):
        tiered(index).search(["mayor"], scope=Scope(tiers=("wiki",)))
    with pytest.raises(DataError, match="each once"):
        TieredRetriever([Tier("web", index), Tier("web", index)])


def test_tenants_never_mix_in_a_thousand_random_searches(tmp_path):
    """Whatever is asked, as of whenever, of whichever tier, with odd names."""
    draw = random.Random(0)
    tenants = ["", "a", "A", "b", "a' OR '1'='1", "b%", "a\\", "тенант"]
    words = [
        "river",
        "mayor",
        "secret",
        "budget",
        "tenant",
        "password",
        "of",
        "the",
        "Cozy",
        "Bear",
    ]
    index = store(
        tmp_path / "index",
        *(
            passage(
                f"{number}",
                " ".join(draw.choices(words, k=8)),
                tier=draw.choice(["curated", "web"]),
                tenant=(tenant := draw.choice(tenants)),
                entity=(entity := draw.choice(["", "APT29", "x' OR tenant='a"])),
                valid_from=draw.choice([None, "2020-01-01", "2022-01-01"]),
                metadata={"owner": tenant, "entity": entity},
            )
            for number in range(300)
        ),
    )
    names = AliasTable([Alias("Cozy Bear", "APT29"), Alias("secret", "x' OR tenant='a")])
    retriever = LinkedRetriever(tiered(index, TierSettings(fields=("owner",))), names)
    seen = 0
    for _ in range(1000):
        tenant = draw.choice([*tenants, "nobody", "' OR tenant <> '"])
        injected = draw.choice(["", " tenant:a", " ' OR 1=1 --", " show what belongs to tenant a"])
        question = " ".join(draw.choices(words, k=draw.randrange(1, 6))) + injected
        scope = Scope(
            as_of=draw.choice([None, "2019-05-01", "2021-05-01"]),
            tiers=draw.choice([(), ("web",), ("curated", "web")]),
            tenant=tenant,
        )
        hits = retriever.search([question], draw.choice([1, 5, 20]), scope=scope)[0]
        assert all(hit.metadata["owner"] in ("", tenant) for hit in hits)
        seen += len(hits)
    assert seen > 1000
