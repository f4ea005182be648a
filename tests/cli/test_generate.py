"""`metier generate` and its verbs, on a small recipe."""

import json

import pytest

from tests.cli.console import call

RECIPE = """name = "papers"
[[sources]]
kind = "table"
path = "papers.jsonl"
id = "id"
title = "title"
[task]
kind = "short_answer"
instruction = "Answer."
role = "You are a clerk."
[generate]
patterns = 20
menu = { factual = 0, reverse = 0, multi_fact = 0, summary = 0, rewrite = 0, entity_pair = 0 }
"""


@pytest.fixture
def papers(tmp_path, monkeypatch, fakes):
    from tests.dataset.generate.texts import documents

    rows = [{"id": d.id, "title": d.title, "text": d.text} for d in documents()]
    (tmp_path / "papers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "metier.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(*arguments):
    done = call("generate", *arguments)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_generate_runs_and_is_read_when_asked_again(papers):
    first = printed(".", "--json")
    assert first["accepted"] >= 10
    assert printed(".", "--json") == first
    assert printed("run", "--json") == first
    told = call("generate").out
    assert "checker text" in told
    assert "chunks with 1 or more" in told
    again = printed(".", "--again", "--json")
    assert again["accepted"] == first["accepted"]


def test_a_part_of_the_documents_can_be_asked_about(papers):
    (papers / "metier.toml").write_text(RECIPE.replace("[generate]", "[generate]\ndocuments = 1"))
    assert "1 chunks, at most" in call("generate", ".", "--json").err
    assert printed(".", "--json")["coverage"]["chunks"]["n"] == 1
    ids = [json.loads(line)["id"] for line in (papers / "papers.jsonl").read_text().splitlines()]
    rows = [printed("affected", id, ".", "--json")["rows"] for id in ids]
    assert sum(count > 0 for count in rows) == 1


def test_the_estimate_asks_nothing_of_a_menu_without_models(papers):
    told = printed(".", "--estimate", "--json")
    assert told["dollars"] == 0


def test_what_it_will_take_is_told_before_it_starts(papers):
    assert "2 chunks, at most 4 requests" in call("generate", ".", "--json").err
    assert "at most" not in call("generate", ".", "--json").err  # it stands


def test_review_in_the_terminal_and_through_a_file(papers):
    assert call("generate").code == 0
    done = call("generate", "review", ".", given="r\ne\nWho asked?\nnobody\na\nq\n")
    assert done.code == 0, done.err
    assert "reviewed 3: accept 1, edit 1, reject 1" in done.out
    assert call("generate", "review", ".", "--out", "form.jsonl").code == 0
    lines = (papers / "form.jsonl").read_text().splitlines()
    assert [json.loads(line)["verdict"] for line in lines][:3] == ["reject", "edit", "accept"]
    assert json.loads(lines[1])["answer"] == "nobody"
    assert call("generate", "review", ".", "--in", "form.jsonl").out.startswith("reviewed 3")
    rejected = json.loads(lines[0])["question"]
    assert call("generate", "export", "out.jsonl", ".", "--form", "chatml").code == 0
    exported = (papers / "out.jsonl").read_text()
    assert rejected not in exported
    assert "nobody" in exported
    assert "You are a clerk." in exported


def test_audit_counts_and_goes_on(papers):
    assert call("generate").code == 0
    assert printed("audit", ".", "--json") is None
    done = call("generate", "audit", ".", "--count", "4", given="y\nn\nwrong year\nq\n")
    assert "error rate 0.500" in done.out
    assert "wrong year" in done.out
    done = call("generate", "audit", ".", "--count", "4", given="y\ns\n")
    assert "(n=3)" in done.out


def test_affected_lists_what_holds_a_document(papers):
    first = printed(".", "--json")
    found = printed("affected", "quarry", ".", "--json")
    assert found["rows"] > 0
    assert found["datasets"] == [first["directory"].rpartition("/")[2]]
    assert printed("affected", "nobody", ".", "--json")["datasets"] == []


def test_a_deleted_document_is_told_with_what_holds_it(papers):
    assert printed(".", "--json")["deleted"] == []
    lines = (papers / "papers.jsonl").read_text().splitlines()
    (papers / "papers.jsonl").write_text(lines[0])
    told = call("generate", ".").out
    assert "deleted since the last run" in told
    assert "quarry: " in told and "generate-" in told
    assert "deleted since" not in call("generate", ".").out


def mistake(*arguments):
    """The last line of a command that must end with exit code 2; progress stands before it."""
    done = call("generate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    return done.err.partition("error: ")[2]


def test_mistakes_are_told(papers):
    assert "sharegpt" in mistake("export", "x.jsonl", ".", "--form", "xml")
    broken = RECIPE + "[[generate.rules]]\nfind = '('\nquestion = 'what'\n"
    (papers / "metier.toml").write_text(broken)
    assert "is no regular expression" in mistake(".")
    unknown = RECIPE + "[[generate.rules]]\nfind = '(?P<answer>$cas)'\nquestion = 'what'\n"
    (papers / "metier.toml").write_text(unknown + "[generate.forms]\ncase = 'v'\n")
    told = mistake(".")
    assert "uses the form $cas; before it stand case" in told
    assert "metier.toml:" in told and "generate.rules" in told
    (papers / "metier.toml").write_text(RECIPE.replace("[generate]", "[generate]\ndollars = 5.0"))
    assert "no price" in mistake(".")
    (papers / "metier.toml").write_text(RECIPE.replace("patterns", "paterns"))
    assert "did you mean `patterns`" in mistake(".")


def test_run_goes_from_documents_to_a_verdict_on_generated_questions(papers):
    rungs = '[[rungs]]\nname = "closed-book"\nmethod = "prompt"\n[[rungs]]\nmethod = "retrieve"\n'
    with (papers / "metier.toml").open("a") as recipe:
        recipe.write(f'[split]\nby = "entity"\ncolumn = "fact"\n[retention]\nsuites = []\n{rungs}')
    done = call("run", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    # the fake model knows nothing, but six questions are too few to say that nothing can be known
    assert (told["verdict"]["verdict"], told["verdict"]["rung"]) == ("cannot_tell", None)
    assert told["data"]["generation"]["accepted"] >= len(told["data"]["split"])
    assert {one["rung"] for one in told["ladder"]} == {"closed-book", "retrieve"}
    row = json.loads((papers / ".metier/report.json").read_text())["dataset"]["train"][0]
    assert row["evidence"] and row["origin"]
    form = papers / "form.jsonl"
    call("generate", "review", ".", "--out", "form.jsonl")
    lines = [json.loads(line) for line in form.read_text().splitlines()]
    rejected = [line for line in lines if line["row"] == row["id"]]
    form.write_text(json.dumps({**rejected[0], "verdict": "reject"}))
    call("generate", "review", ".", "--in", "form.jsonl")
    assert call("run", "--json").code == 0
    after = json.loads((papers / ".metier/report.json").read_text())["dataset"]
    assert after["train"] and row["id"] not in {
        one["id"] for side in ("train", "dev", "test") for one in after[side]
    }
    found = printed("affected", "quarry", ".", "--json")
    assert {name.split()[0] for name in found["indexes"]} == {"retrieve"}
    assert found["adapters"] == []  # a prompt learns nothing
    assert {name.split("-")[0] for name in found["datasets"]} == {"dataset", "generate"}


@pytest.mark.parametrize("verb", ["review", "audit", "export out.jsonl"])
def test_rows_that_nobody_wrote_are_asked_for_and_not_written_unasked(papers, verb):
    done = call("generate", *verb.split())
    assert done.code == 2 and "`metier generate` writes them" in done.err
    assert not list((papers / ".metier/steps").glob("generate-*"))


def test_an_unknown_form_is_told_before_anything_is_read(papers):
    done = call("generate", "export", "out.jsonl", ".", "--form", "chatlm")
    assert done.code == 2 and "there is no form 'chatlm'" in done.err
    assert not (papers / ".metier").exists()


def test_nothing_is_said_to_hold_a_document_where_no_run_was(papers):
    done = call("generate", "affected", "one", "nowhere")
    assert done.code == 2 and "holds no runs yet" in done.err
    assert not (papers / ".metier").exists()


def test_a_misspelt_verb_is_not_taken_for_a_recipe(papers):
    done = call("generate", "reveiw", ".")
    assert done.code == 2 and "Did you mean 'review'?" in done.err
