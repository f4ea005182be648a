"""What a recipe says of a source reaches each document, the ends of versions too."""

import pytest

from metier.errors import DataError, RecipeError
from metier.problems import check_settings
from metier.protocols import Source
from metier.recipe import read_recipe
from metier.sources import TableSource
from metier.sources.described import Description, describe, described
from metier.types import Document

ROWS = """id,key,since,text
1,T1,2020-01,one
2,T1,2022,two
3,T2,2020-01-01T00:00:00,three
4,T2,soon,four
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    return TableSource(tmp_path / "rows.csv", id="id")


def bounds(source):
    broken = []
    return {
        one.id: (one.metadata["valid_from"], one.metadata["valid_to"])
        for one in source.documents(broken.append)
    }, broken


def test_a_version_holds_until_the_next_of_its_entity(table):
    source = described(table, Description("curated", "me", "key", "since"))
    assert isinstance(source, Source)
    found, broken = bounds(source)
    assert found == {
        "1": ("2020-01-01", "2022-01-01"),
        "2": ("2022-01-01", None),
        "3": ("2020-01-01", None),
    }
    assert [bad.reason.split(" (")[0] for bad in broken] == ["document 4: 'soon' is no date"]
    first = next(source.documents(lambda bad: None)).metadata
    assert (first["tier"], first["tenant"], first["entity"]) == ("curated", "me", "T1")


def test_in_snapshots_what_the_next_lacks_has_ended(table):
    found, _ = bounds(
        described(table, Description(entity="key", valid_from="since", snapshots=True))
    )
    assert found["3"] == ("2020-01-01", "2022-01-01")


def test_an_end_that_is_given_is_taken():
    document = Document("d", "x", metadata={"a": "2020", "b": "2021-06"})
    told = describe(document, Description(valid_from="a", valid_to="b")).metadata
    assert (told["valid_from"], told["valid_to"]) == ("2020-01-01", "2021-06-01")


def test_a_column_that_is_missing_is_named():
    with pytest.raises(DataError, match="has no 'entity_id'; it has name"):
        describe(Document("d", "x", metadata={"name": 1}), Description(entity="entity_id"))


def test_a_source_of_which_nothing_is_said_stays_as_it_is(table):
    assert described(table, Description()) is table


RECIPE = """
name = "versions"
{cleaning}
[[sources]]
kind = "table"
path = "rows.csv"
entity = "key"
valid_from = "since"
snapshots = true

[task]
kind = "classification"
instruction = "Which?"
label = "key"
"""


def test_versions_and_duplicates_do_not_go_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "metier.toml"
    recipe.write_text(RECIPE.format(cleaning=""), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"valid_from: versions of one text look like duplicates"):
        check(recipe)
    off = "[cleaning]\nexact_duplicates = false\nnear_duplicates = 0"
    recipe.write_text(RECIPE.format(cleaning=off), encoding="utf-8")
    check(recipe)
    recipe.write_text(recipe.read_text().replace('valid_from = "since"', ""), encoding="utf-8")
    with pytest.raises(RecipeError, match="snapshots: needs `valid_from`"):
        check(recipe)


def check(path):
    text = path.read_text(encoding="utf-8")
    check_settings(read_recipe(path), text, str(path))
