"""The recipe: what it accepts, and how it says what is wrong."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import RecipeError
from metier.methods import method
from metier.methods import names as method_names
from metier.methods.limits import out_of_limits
from metier.problems import check_settings
from metier.recipe import DEFAULT_RUNGS, Recipe, parse_recipe, read_recipe
from metier.recipe.tables import PriceSettings
from metier.settings import ladder, rate, recipe_schema
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


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[split]\ntest = 0.8\ndev = 0.5\n", "10: split: test = 0.8 and dev = 0.5 leave nothing"),
        ("[chunks]\nsize = 200\n", "10: chunks: overlap = 150 is more than half of size = 200"),
        ('[rungs]\nmethod = "tfidf"\n', r"10: rungs: is a list of tables: write each as \[\[rungs"),
        ('[cleaning]\nsteps = "html"\n', "11: cleaning.steps: must be a list, got 'html'"),
        ('[[split]]\nby = "document"\n', r"10: split: is one table: write it once, as \[split\]"),
        (
            '[[rungs]]\nmethod = "tfidf"\n[[rungs]]\nmethod = "blend"\nmembers = ["tfdif"]\n',
            "14: rungs.2..members: 'tfdif' is no rung above this one; did you mean `tfidf`",
        ),
        (
            '[[rungs]]\nmethod = "prompt"\n[[rungs]]\nmethod = "retrieve"\nadapter = "lora"\n',
            "14: rungs.2..adapter: 'lora' is no rung above this one",
        ),
    ],
)
def test_what_would_stop_the_run_later_is_found_before_it(more, said):
    text = MINIMAL + more
    with pytest.raises(RecipeError, match=f"metier.toml:{said}"):
        check_settings(parse_recipe(text), text, "metier.toml")


@pytest.mark.parametrize("given", ['quotes = "no"', "quotes = 0", "text = [1]", "keep = 'all'"])
def test_a_source_option_of_another_kind_is_refused_with_its_line(given):
    text = MINIMAL.replace('text = "body"', given)
    with pytest.raises(RecipeError, match=f"metier.toml:5: sources.1..{given[:4]}.*, got "):
        check_settings(parse_recipe(text), text, "metier.toml")


@pytest.mark.parametrize("written", ["foo", "openai:fo@http://127.0.0.1:9/v1"])
def test_a_price_of_no_model_of_the_recipe_names_the_one_that_is_meant(written):
    base = "openai:foo@http://127.0.0.1:9/v1"
    text = MINIMAL + f'[model]\nbase = "{base}"\n[prices.models."{written}"]\ninput = 1\n'
    text += "output = 2\n"
    with pytest.raises(RecipeError, match=f"did you mean `{base}`"):
        check_settings(parse_recipe(text), text, "metier.toml")
    mended = text.replace(f'models."{written}"', f'models."{base}"')
    check_settings(parse_recipe(mended), mended, "metier.toml")


def test_a_remote_model_without_a_price_has_none():
    remote, local = "openai:foo@http://127.0.0.1:9/v1", "smollm2-135m-instruct"
    prices = PriceSettings(models={remote: {"input": 1, "output": 2}})
    assert rate(PriceSettings(), remote) is None
    assert rate(prices, remote).output == 2
    assert rate(prices, local) == rate(prices, None)
    assert rate(prices, local).dollars_per_hour == 0.10


@pytest.mark.parametrize(
    ("method", "setting", "said"),
    [
        ("retrieve", "most_error = 1.0", "most_error = 1.0; use 0 to 0.99"),
        ("retrieve", "most_error = 10", "use 0 to 0.99"),
        ("lora", "batch_size = 0", "batch_size = 0; use 1 or more"),
        ("lora", "rank = 0", "rank = 0; use 1 or more"),
        ("lora", "learning_rate = [1e-3, nan]", "learning_rate = nan"),
        ("lora", "dropout = 1.0", "dropout = 1.0"),
        ("blend", "shrinkage = -1.0", "shrinkage = -1.0"),
    ],
)
def test_a_number_that_no_rung_can_have_is_found_before_the_run(method, setting, said):
    text = MINIMAL + f'[[rungs]]\nmethod = "{method}"\n{setting}\n'
    with pytest.raises(RecipeError, match=re.escape(said)):
        check_settings(parse_recipe(text), text, "metier.toml")


def test_the_defaults_of_every_method_are_within_their_limits():
    for name in method_names():
        for key, value in method(name).defaults.items():
            assert not out_of_limits(key, value)


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ('rungs = ["blend"]', "'blend' is made of other rungs"),
        ("rows_per_class = [0, 8]", "0 rows of a class teach nothing"),
    ],
)
def test_a_curve_that_cannot_be_built_is_found_before_the_run(curve, said):
    text = MINIMAL + f"[curve]\n{curve}\n"
    with pytest.raises(RecipeError, match=said):
        check_settings(parse_recipe(text), text, "metier.toml")


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


def test_the_schema_knows_the_options_of_every_kind_of_source():
    known = recipe_schema()["$defs"]["SourceSettings"]["properties"]
    assert known["quotes"]["anyOf"] == [{"type": "boolean"}, {"type": "null"}]
    assert known["quotes"]["description"] == "Of table."
    assert {"path", "paths", "text", "delimiter", "suffixes", "topics", "op"} <= set(known)
    assert known["kind"]["enum"] and "authoritative" in known["tier"]["description"]


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
