"""`metier run` as a person meets it: a process, its exit code, its output, its files."""

import json
import shutil

import pytest

from metier.cli.console import Bars
from metier.serial import read
from metier.store import Project
from metier.types import RunReport
from tests import joined
from tests.cli.console import call


def steps_of(folder):
    return [
        (step["key"], step["started"], step["status"])
        for step in Project(folder / ".metier").steps()
    ]


def test_a_run_leaves_report_data_and_specialist(finished):
    folder, _ = finished
    made = folder / ".metier"
    report = read(RunReport, made / "report.json")
    assert [card.rung for card in report.scorecards] == ["majority", "tfidf"]
    assert (report.decision.verdict, report.decision.rung) == ("ship", "tfidf")
    assert "<html" in (made / "report.html").read_text(encoding="utf-8")
    assert json.loads((made / "summary.json").read_text(encoding="utf-8"))["name"] == "docs"
    card = (made / "specialist" / "README.md").read_text(encoding="utf-8")
    assert "# docs: tfidf" in card
    assert all(f"- {package}" in card for package in joined.PACKAGES)


def test_json_is_one_document_alone_on_standard_output(finished):
    folder, done = finished
    printed = json.loads(done.stdout)
    assert printed["verdict"]["rung"] == "tfidf"
    assert (folder / printed["page"]).exists()
    assert (folder / printed["specialist"] / "release.json").exists()


def test_without_a_terminal_progress_is_plain_lines(finished):
    _, done = finished
    assert "\x1b" not in done.stdout + done.stderr
    assert "ask tfidf: test: 55/55" in done.stderr.splitlines()


def test_a_second_run_repeats_nothing_and_says_the_same(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "again")
    before = steps_of(folder)
    first = read(RunReport, folder / ".metier" / "report.json")
    done = joined.metier("run", cwd=folder)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "Ship tfidf" in done.stdout
    assert steps_of(folder) == before
    second = read(RunReport, folder / ".metier" / "report.json")
    assert second.scorecards == first.scorecards
    assert second.decision == first.decision


@pytest.mark.models
def test_the_embedded_embedder_checks_the_split_without_noise(tmp_path):
    small = "rows_per_class = 10\ntest_items = 20"
    folder = joined.write_project(tmp_path / "project", split=small)
    done = joined.metier("run", cwd=folder, fakes=False)
    assert done.returncode == 0, done.stderr
    assert "Ship tfidf" in done.stdout
    assert all(line.startswith("ask ") for line in done.stderr.splitlines()), done.stderr


def test_a_failed_gate_is_exit_code_1_with_a_report(folder, fakes):
    file = folder / "metier.toml"
    file.write_text(joined.recipe_text(more="[gates]\nleast_quality = 1.0"), encoding="utf-8")
    done = call("run")
    assert done.code == 1
    assert "least_quality" in done.out or "quality" in done.out
    assert (folder / ".metier" / "report.html").exists()
    assert not (folder / ".metier" / "specialist").exists()
    assert call("decide").code == 1


def test_a_budget_that_is_spent_leaves_rungs_out_by_name(folder, fakes):
    file = folder / "metier.toml"
    file.write_text(joined.recipe_text(more="[budget]\nminutes = 1e-9"), encoding="utf-8")
    done = call("run")
    assert done.code == 2
    assert "budget of 1e-09 minutes was spent" in done.err


def test_a_remote_base_leaves_the_usual_tuning_out_and_the_terminal_says_so(folder, fakes):
    few = "rows_per_class = 8\ntest_items = 12"
    base = '[model]\nbase = "openai:foo@http://127.0.0.1:9/v1"'
    text = joined.recipe_text(rungs="", split=few, more=base)
    (folder / "metier.toml").write_text(text, encoding="utf-8")
    done = call("run")
    assert done.code == 0
    assert "Left out: lora: " in done.out
    assert "runs elsewhere" in " ".join(done.out.split())


def test_progress_is_told_once_for_every_tenth(capsys):
    bars = Bars(None)
    for done in range(101):
        bars(done, 100, "count")
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "count: 0/100"
    assert told[-1] == "count: 100/100"
    assert len(told) == 11


def test_a_person_may_release_what_the_verdict_does_not_recommend(folder, fakes):
    file = folder / "metier.toml"
    file.write_text(joined.recipe_text(more="[gates]\nleast_quality = 1.0"), encoding="utf-8")
    assert "metier release --rung NAME" in call("run").out
    assert call("ask", ".", "a question").code == 2

    done = call("release", "--rung", "majority", "--json")

    assert done.code == 0, done.err
    specialist = folder / json.loads(done.out)["specialist"]
    card = (specialist / "README.md").read_text(encoding="utf-8")
    assert "Released by choice: the verdict recommends no rung." in card
    assert call("ask", ".", "a question").code == 0


def test_the_recommended_rung_is_released_where_none_is_named(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "again")
    shutil.rmtree(folder / ".metier" / "specialist")
    done = joined.metier("release", cwd=folder)
    assert done.returncode == 0, done.stderr
    card = (folder / ".metier" / "specialist" / "README.md").read_text(encoding="utf-8")
    assert "# docs: tfidf" in card
    assert "by choice" not in card


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        ([], "name the one to release: majority, tfidf"),
        (["--rung", "tfid"], "did you mean `tfidf`"),
    ],
)
def test_releasing_no_rung_or_one_that_is_none_is_told(folder, fakes, rung, said):
    file = folder / "metier.toml"
    file.write_text(joined.recipe_text(more="[gates]\nleast_quality = 1.0"), encoding="utf-8")
    done = call("release", *rung)
    assert done.code == 2
    assert said in done.err
    assert not (folder / ".metier" / "specialist").exists()
