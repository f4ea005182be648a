"""`metier new` writes a recipe that is valid, and runs where its guesses are right."""

import json
import re

import pytest

from metier.corpus.steps import STEPS
from metier.recipe import read_recipe
from tests import joined
from tests.cli.console import call, refused


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_recipe_of_a_labelled_csv_runs_as_it_stands(here, fakes):
    joined.write_rows(here / "docs.csv", joined.documented())
    assert "label    module" in call("new", "docs.csv").out
    assert call("recipe", "check").code == 0
    with (here / "metier.toml").open("a", encoding="utf-8") as recipe:
        recipe.write('\n[[rungs]]\nmethod = "tfidf"\nfeatures = "word"\n')
    assert call("run").code == 0
    assert call("release", "--rung", "tfidf").code == 0  # of one rung alone 28 rows say too little
    assert call("ask", ".", "Extract the archive.").out.startswith("tarfile")


def test_the_recipe_of_questions_with_choices_runs_as_it_stands(here, fakes):
    rows = [
        {"question": f"Which of both is {n}?", "choices": [n, n + 1][:: 1 - 2 * (n % 2)],
         "answer": n % 2}
        for n in range(60)
    ]  # fmt: skip
    (here / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    call("new", "asked.jsonl")
    with (here / "metier.toml").open("a", encoding="utf-8") as recipe:
        recipe.write('\n[[rungs]]\nmethod = "majority"\n')
    done = json.loads(call("run", "--json").out)
    assert done["data"]["task"]["labels"] == ["0", "1"]


def test_the_recipe_of_questions_on_shared_texts_runs_as_it_stands(here, fakes):
    rows = [
        {"context": row["text"], "question": f"What is the {word} word?", "answers": [word, "none"]}
        for row in joined.documented()
        for word in row["text"].split()[:3]
    ]
    (here / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    call("new", "asked.jsonl")
    with (here / "metier.toml").open("a", encoding="utf-8") as recipe:
        recipe.write('\n[[rungs]]\nmethod = "prompt"\n')
    done = json.loads(call("run", "--json").out)
    assert done["metric"] == "exact_match"
    assert done["data"]["corpus"]["documents"] == len(rows)


def test_the_recipe_of_a_table_with_bare_quotes_reads_all_its_rows(here, fakes):
    rows = [("text", "label"), *((f'"Row {n} he said', n % 2) for n in range(60))]
    lines = ("\t".join(map(str, row)) for row in rows)
    (here / "said.tsv").write_text("\n".join(lines), encoding="utf-8")
    call("new", "said.tsv")
    corpus = json.loads(call("ingest", "--json").out)
    assert (corpus["documents"], corpus["malformed"]) == (60, [])


def test_a_table_in_another_encoding_is_looked_at_and_read_in_it(here, fakes):
    rows = "".join(f"Grüße an Haus {n},{'ab'[n % 2]}\n" for n in range(60))
    for name in ("utf-16", "latin-1"):
        (here / "docs.csv").write_text("text,label\n" + rows, encoding=name)
        assert call("new", "docs.csv", "--encoding", name, "--force").code == 0
        with (here / "metier.toml").open("a", encoding="utf-8") as recipe:
            recipe.write('\n[[rungs]]\nmethod = "majority"\n')
        assert json.loads(call("ingest", "--json").out)["documents_in"] == 60
    assert "unknown encoding" in call("new", "docs.csv", "--encoding", "latin-99", "--force").err


def test_the_recipe_of_a_jsonl_file_is_valid(here):
    lines = [json.dumps(row) for row in joined.documented()]
    (here / "docs.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = json.loads(call("new", "docs.jsonl", "other.toml", "--json").out)
    assert told["recipe"] == "other.toml"
    assert ("label", "module") in [(one["use"], one["column"]) for one in told["guesses"]]
    assert "other.toml is a valid recipe" in call("recipe", "check", "other.toml").out


def test_the_recipe_of_a_folder_asks_about_its_documents(here):
    (here / "texts").mkdir()
    for row in joined.documented()[:3]:
        (here / "texts" / f"{row['id']}.html").write_text(row["text"], encoding="utf-8")
    assert "read it, then: metier run" in call("new", "texts").out
    written = (here / "metier.toml").read_text(encoding="utf-8")
    assert 'steps = ["html"]' in written
    done = call("recipe", "check")
    assert done.code == 0, done.err
    recipe = read_recipe(here / "metier.toml")
    assert recipe.generate is not None and recipe.generate.minutes == 10
    assert "tuned" in [rung.rung for rung in recipe.rungs]


@pytest.mark.parametrize("parts", [["train"], ["train", "train", "validation"]])
def test_a_split_column_without_test_rows_is_told_and_not_taken(here, fakes, parts):
    rows = [{**row, "split": parts[n % len(parts)]} for n, row in enumerate(joined.documented())]
    joined.write_rows(here / "docs.csv", rows)
    call("new", "docs.csv")
    with (here / "metier.toml").open("a", encoding="utf-8") as recipe:
        recipe.write('\n[[rungs]]\nmethod = "majority"\n')
    written = (here / "metier.toml").read_text(encoding="utf-8")
    assert 'by = "document"' in written and 'with column = "split" needs rows' in written
    assert call("run").code == 0


def test_the_commoner_kind_of_a_folder_is_read_and_the_other_named(here):
    (here / "texts").mkdir()
    for row in joined.documented()[:3]:
        (here / "texts" / f"{row['id']}.md").write_text(row["text"], encoding="utf-8")
    (here / "texts" / "index.csv").write_text("name,title\na.md,Some title\n")
    call("new", "texts")
    written = (here / "metier.toml").read_text(encoding="utf-8")
    assert 'kind = "files"' in written and "# 3 .md\n" in written
    assert '# Not read: 1 .csv. Another [[sources]] of kind = "table" reads them.' in written


def test_the_recipe_of_unlabelled_rows_says_what_to_write_and_waits_for_it(here):
    rows = [{"text": row["text"]} for row in joined.documented()[:30]]
    joined.write_rows(here / "docs.csv", rows)
    assert "write task.label" in call("new", "docs.csv").out
    written = (here / "metier.toml").read_text(encoding="utf-8")
    assert re.search(r'^label = "\?" .*the column with the right answers', written, re.M)
    line = 1 + written.splitlines().index(
        next(x for x in written.splitlines() if x.startswith("label ="))
    )
    for verb in (("recipe", "check"), ("run",)):
        assert f"metier.toml:{line}: task.label: is still" in refused(*verb)
    assert not (here / ".metier").exists()


def test_the_cleaning_steps_that_a_recipe_offers_exist(here):
    joined.write_rows(here / "docs.csv", joined.documented())
    call("new", "docs.csv")
    written = (here / "metier.toml").read_text(encoding="utf-8")
    offered = written.partition("# Steps:")[2].partition("\nsteps")[0]
    assert set(re.findall(r"\w+", offered)) <= set(STEPS)


def test_a_recipe_is_not_replaced_unasked(here):
    joined.write_rows(here / "docs.csv", joined.documented())
    (here / "metier.toml").write_text("mine", encoding="utf-8")
    assert "--force" in refused("new", "docs.csv")
    assert (here / "metier.toml").read_text(encoding="utf-8") == "mine"
    assert call("new", "docs.csv", "--force").code == 0


def test_strange_names_of_files_and_columns_are_written_as_toml(here):
    rows = [
        {'the "text"': row["text"], "kind\\of\nit": row["module"]} for row in joined.documented()
    ]
    joined.write_rows(here / 'a "b".csv', rows)
    assert call("new", 'a "b".csv').code == 0
    assert call("recipe", "check").code == 0


def test_data_that_is_not_there_leaves_no_recipe(here):
    assert "nothing.csv" in refused("new", "nothing.csv")
    assert not (here / "metier.toml").exists()
