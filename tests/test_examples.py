"""The recipes in examples/ are valid, and read what they say they read."""

import gzip
import json
from pathlib import Path

import pytest
from benchmarks.newsgroups_data import GROUPS, load, write_posts

from metier.problems import check_settings
from metier.recipe import read_recipe
from metier.settings import opened_source

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*/metier.toml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_every_example_is_a_valid_recipe(file):
    recipe = read_recipe(file)
    check_settings(recipe, file.read_text(encoding="utf-8"), str(file))


def test_the_newsgroups_recipe_reads_the_posts_as_they_were_sent(tmp_path):
    sent = 'Subject: "Orbits", again\nFrom: a@b.org\n\nWhat is\nperigee?\n'
    for part in ("train", "test"):
        rows = [
            {"id": f"{part}-1", "category": "sci.space", "text": sent},
            {"id": f"{part}-2", "category": "alt.atheism", "text": "of none of the eight groups"},
        ]
        with gzip.open(tmp_path / f"{part}.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    recipe = read_recipe(next(file for file in EXAMPLES if file.parent.name == "newsgroups"))

    assert write_posts(load(tmp_path), tmp_path / "posts.csv") == 2

    documents = list(opened_source(recipe.sources[0], tmp_path).documents(pytest.fail))
    assert [one.text for one in documents] == [sent, sent]
    told = [one.metadata for one in documents]
    assert [one[recipe.task.label] for one in told] == ["sci.space"] * 2
    assert [one[recipe.split.column] for one in told] == ["train", "test"]
    assert len(GROUPS) == 8
