"""Names in texts: found in any spelling, as whole words, and not where they are plain words."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import SourceError
from metier.retrieval.authority.aliases import AliasTable, folded
from metier.types import Alias

DATA = Path(os.environ.get("METIER_DATA", "../shared/data"))
TABLE = [
    Alias("Cozy Bear", "APT29"),
    Alias("Midnight Blizzard", "APT29"),
    Alias("APT30", "APT30"),
    Alias("Dragonfly", "ENERGETIC BEAR"),
    Alias("Winnti", "Axiom"),
    Alias("Winnti Group", "APT41"),
    Alias("Nobelium", "APT29"),
    Alias("Nobelium", "UNC2452"),
    Alias("T1048", "technique-7", "technique"),
    Alias("T1048", "mitigation-9", "mitigation"),
    Alias("狼毒草", "Elephant"),
]


@pytest.fixture
def table():
    return AliasTable(TABLE, common=["Dragonfly"])


def linked(table, text):
    return [(text[one.start : one.end], one.entities) for one in table.link(text)]


@pytest.mark.parametrize(
    "spelled", ["APT29", "apt 29", "APT-29", "cozy bear", "CozyBear", "Côzy_bear"]
)
def test_a_name_is_found_in_any_spelling(table, spelled):
    assert linked(table, f"Was it {spelled}'s work?") == [(spelled, ("APT29",))]


def test_a_name_is_a_whole_word_within_one_sentence(table):
    assert linked(table, "APT299, Wapt29 and the bear. Cozy. Bear with us: APT. 30 victims.") == []


def test_the_longest_name_counts(table):
    assert linked(table, "Winnti Group uses Winnti") == [
        ("Winnti Group", ("APT41",)),
        ("Winnti", ("Axiom",)),
    ]


def test_names_are_found_in_scripts_without_blanks(table):
    assert linked(table, "关于狼毒草的报告") == [("狼毒草", ("Elephant",))]


def test_a_plain_word_is_a_name_only_where_it_is_written_as_one(table):
    assert linked(table, "A dragonfly on the pond. Dragonfly wings are clear.") == []
    assert linked(table, "They say that Dragonfly, or DRAGONFLY, did it.") == [
        ("Dragonfly", ("ENERGETIC BEAR",)),
        ("DRAGONFLY", ("ENERGETIC BEAR",)),
    ]


def test_plain_words_are_known_by_how_texts_use_them(table):
    texts = ["the dragonfly and another dragonfly", "Winnti did it", "Dragonfly is a group"]
    assert table.common_names(texts) == {"dragonfly"}


def test_a_shared_name_means_all_until_the_text_tells(table):
    assert table.link("Nobelium did it")[0].entities == ("APT29", "UNC2452")
    assert table.link("Nobelium, or UNC2452, did it")[0].entities == ("UNC2452",)
    assert table.link("What is T1048?")[0].entities == ("technique-7", "mitigation-9")
    assert table.link("What is mitigation T1048?")[0].entities == ("mitigation-9",)


def test_a_canonical_name_is_its_own_entity_first():
    table = AliasTable([Alias("OilRig", "CHRYSENE"), Alias("APT34", "OilRig")])
    assert table.resolve("oilrig") == ("OilRig", "CHRYSENE")
    assert table.link("OilRig")[0].entities == ("OilRig",)


def test_a_question_is_expanded_with_the_other_names(table):
    assert table.expand("Who is Cozy Bear?") == "Who is Cozy Bear? Midnight Blizzard Nobelium"
    assert table.expand("Who is it?") == "Who is it?"


@given(st.text(max_size=80))
def test_mentions_are_in_order_apart_and_within_the_text(text):
    table = AliasTable(TABLE)
    end = 0
    for mention in table.link(f"{text} Cozy Bear {text}"):
        assert end <= mention.start < mention.end
        end = mention.end
    assert end >= len(text)


@given(st.sampled_from(TABLE), st.sampled_from([str.lower, str.upper, str.title]))
def test_folding_forgets_case(alias, change):
    assert folded(change(alias.name)) == folded(alias.name)


def test_tables_are_read_and_their_faults_named(tmp_path):
    rows = tmp_path / "names.csv"
    rows.write_text("alias,canonical,kind,more\nCozy Bear,APT29,group,x\n", encoding="utf-8")
    assert AliasTable.read(rows).resolve("cozy-bear") == ("APT29",)
    lines = tmp_path / "names.jsonl"
    lines.write_text('{"alias": "a", "canonical": "b"}\n\n{"alias": "c"}\n', encoding="utf-8")
    with pytest.raises(SourceError, match=r"names\.jsonl:3: needs the columns alias"):
        AliasTable.read(lines)
    lines.write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match=r"names\.jsonl:1: not JSON"):
        AliasTable.read(lines)
    with pytest.raises(SourceError, match="cannot be read"):
        AliasTable.read(tmp_path / "none.csv")


@pytest.mark.data
def test_real_aliases_resolve():
    path = DATA / "cyber_threat_actors" / "alias_pairs-2024-07.csv"
    if not path.exists():
        pytest.skip(f"no data set in {DATA}; set METIER_DATA")
    table = AliasTable.read(path)
    pairs = [line.split(",")[:2] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    pairs = [(alias, canonical) for alias, canonical in pairs if '"' not in alias]
    right = sum(
        (found := table.link(f"reports on {alias}")) != [] and found[0].entities[0] == canonical
        for alias, canonical in pairs
    )
    assert right / len(pairs) >= 0.98
