"""The recipe: what it accepts, and how it says what is wrong."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import RecipeError
from metier.problems import check_settings
from metier.recipe import DEFAULT_RUNGS, Recipe, parse_recipe, read_recipe
from metier.settings import ladder
from metier.toml_lines import key_lines

MINIMAL = """\
name = "posts"
[[sources]]
kind = "table"
path = "posts.csv"
text = "body"
[task]
kind = "classification"
instruction = "Which group does this post belong to?"
label = "group"
"""


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    return str(caught.value).splitlines()


def test_minimal_recipe_has_the_default_ladder():
    recipe = parse_recipe(MINIMAL)

    assert recipe.rungs == DEFAULT_RUNGS
    assert recipe.sources[0].options == {"path": "posts.csv", "text": "body"}


def test_all_problems_are_reported_at_once_with_line_and_nearest_spelling():
    text = MINIMAL.replace('name = "posts"', 'name = "posts"\nsed = 3').replace("label", "lable")

    assert problems(text) == [
        "metier.toml:10: task.lable: unknown key; did you mean `label`?",
        "metier.toml:2: sed: unknown key; did you mean `seed`?",
    ]


def test_examples_come_from_a_label_or_from_questions_not_both_or_neither():
    without = MINIMAL.replace('label = "group"', "")
    assert "needs `label`" in problems(without)[0]
    assert "keep one" in problems(MINIMAL + '[questions]\npath = "asked.csv"\n')[0]
    assert parse_recipe(without + '[questions]\npath = "asked.csv"\n').questions is not None


def test_a_remote_base_leaves_out_of_a_knowledge_ladder_what_reads_with_an_adapter():
    text = MINIMAL.replace('"classification"', '"short_answer"').replace('label = "group"', "")
    remote = '[generate]\n[model]\nbase = "openai:foo@http://127.0.0.1:9/v1"\n'
    rungs, left_out = ladder(parse_recipe(text + remote))
    assert [rung.rung for rung in rungs] == [
        "closed-book", "long-context", "retrieve", "retrieve-few-shot",
    ]  # fmt: skip
    assert set(left_out) == {"tuned", "tuned-retrieve"}


def test_wrong_kind_names_the_nearest_kind():
    assert problems(MINIMAL.replace('"table"', '"tabel"')) == [
        "metier.toml:3: sources[1].kind: 'tabel' is not allowed; did you mean `table`?"
    ]


def test_syntax_error_has_its_line():
    (problem,) = problems(MINIMAL + "rows = = 3\n")
    assert problem.startswith("metier.toml:10: not valid TOML")


def test_two_rungs_of_one_name_are_refused():
    text = MINIMAL + '[[rungs]]\nmethod = "tfidf"\n[[rungs]]\nmethod = "tfidf"\n'
    assert "two rungs are called 'tfidf'" in problems(text)[0]


def test_split_by_entity_needs_its_column():
    assert "needs `column`" in problems(MINIMAL + '[split]\nby = "entity"\n')[0]


def test_unknown_options_are_found_in_their_own_tables(tmp_path):
    text = (
        MINIMAL.replace('text = "body"', 'txt = "body"')
        + '[[rungs]]\nmethod = "tfidf"\n[[rungs]]\nmethod = "lora"\nrnak = 8\n'
        + '[cleaning]\nsteps = ["quots"]\n[retention]\nsuites = ["formats", "generl"]\n'
    )

    with pytest.raises(RecipeError) as caught:
        check_settings(parse_recipe(text), text, "metier.toml")

    found = str(caught.value).splitlines()
    assert found[0] == "metier.toml:14: rungs[2].rnak: unknown key; did you mean `rank`?"
    assert found[1].startswith("metier.toml:16: cleaning.steps[1]: ") and "quotes" in found[1]
    assert found[2].startswith("metier.toml:2: sources[1]: ") and "'text'" in found[2]
    assert found[3].startswith("metier.toml:18: retention.suites: 'generl' is unknown")
    assert len(found) == 4


def test_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(RecipeError, match="metier new"):
        read_recipe(tmp_path / "metier.toml")


def test_bare_step_names_stand_for_steps_without_options():
    recipe = parse_recipe(MINIMAL + '[cleaning]\nsteps = ["quotes", {name = "html"}]\n')
    assert [step.name for step in recipe.cleaning.steps] == ["quotes", "html"]


def test_schema_describes_every_key():
    schema = Recipe.model_json_schema()
    section = schema["$defs"]["SplitSettings"]["properties"]
    assert section["rows_per_class"]["description"].startswith("Draw this many")


keys = st.text("abcdefghij_-0123456789", min_size=1, max_size=8)


@given(
    st.dictionaries(keys, st.dictionaries(keys, st.integers() | st.text("ab\"'[]=#"), max_size=4))
)
def test_every_key_of_a_written_file_is_found_on_its_line(tables):
    lines, expected = [], {}
    for table, values in tables.items():
        lines.append(f"[{table}]")
        expected[(table,)] = len(lines)
        for key, value in values.items():
            text = value if isinstance(value, int) else '"' + value.replace('"', '\\"') + '"'
            lines.append(f"{key} = {text}")
            expected[(table, key)] = len(lines)
    text = "\n".join(lines)
    tomllib.loads(text)

    found = key_lines(text)

    assert {path: found.get(path) for path in expected} == expected


@given(st.text())
def test_any_text_is_a_recipe_or_a_recipe_error(text):
    with pytest.raises(RecipeError):
        parse_recipe(text)


def test_a_mark_that_an_editor_put_before_it_is_no_fault(tmp_path):
    (tmp_path / "metier.toml").write_text(MINIMAL, encoding="utf-8-sig")
    assert read_recipe(tmp_path / "metier.toml") == parse_recipe("\ufeff" + MINIMAL)
