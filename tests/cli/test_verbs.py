"""Every other verb, for a person and with --json, on a project that was run."""

import json
import shutil
import subprocess
import sys

import pytest

from metier import __version__
from metier.serial import read
from metier.types import RunReport
from tests import joined
from tests.cli.console import call

QUESTION = "Return the archive member as a file object, or extract it to the path."


@pytest.fixture
def project(finished, tmp_path, monkeypatch, fakes):
    """A copy of the finished project, as the working directory."""
    folder = shutil.copytree(finished[0], tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def printed(*arguments):
    done = call(*arguments)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_version_and_the_verbs_are_told(project):
    assert call("--version").out.strip() == __version__
    for verb in ("new", "ingest", "fit", "evaluate", "decide", "run", "report", "ask", "runs"):
        assert verb in call("--help").out
        assert call(verb, "--help").code == 0


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "metier", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == __version__


def test_ask_answers_as_measured(project):
    item = read(RunReport, project / ".metier" / "report.json").scorecards[1].items[0]
    answer = printed("ask", ".", item.input, "--json")[0]
    assert answer["asked"] == item.input
    assert answer["text"] == item.answer.text
    assert answer["probabilities"] == pytest.approx(item.answer.probabilities)


def test_ask_takes_a_directory_a_recipe_or_its_folder(project):
    places = (".metier/specialist", "metier.toml", ".")
    answers = {call("ask", place, QUESTION).out for place in places}
    assert len(answers) == 1
    assert answers.pop().startswith("tarfile  (")


def test_ask_reads_questions_from_standard_input(project):
    done = call("ask", ".", given=f"{QUESTION}\n\n{QUESTION}\n")
    assert (done.code, len(done.out.splitlines())) == (0, 2)


def test_report_shows_the_last_run_again(project):
    shown = call("report")
    assert "Ship tfidf" in shown.out
    assert ".metier/report.html" in shown.out
    assert printed("report", "--json") == json.loads(
        (project / ".metier" / "summary.json").read_text(encoding="utf-8")
    )


def test_runs_lists_runs_with_their_steps(project):
    call("run")
    newest, first = printed("runs", "--json")
    assert {step["kind"] for step in first["steps"]} == {"corpus", "dataset", "fit"}
    assert newest["steps"] == []
    assert call("runs").out.count("done") == 2 + len(first["steps"])


def test_the_stages_one_at_a_time_give_what_the_run_gave(folder, finished, fakes):
    whole = read(RunReport, finished[0] / ".metier" / "report.json")
    ingested = printed("ingest", "--json")
    assert (ingested["version"], ingested["documents"]) == (
        whole.corpus.version,
        whole.corpus.documents,
    )
    assert [c["rung"] for c in printed("fit", "--json")] == ["majority", "tfidf"]
    measured = printed("evaluate", "--json")["test"]
    assert [card["metrics"]["accuracy"]["value"] for card in measured] == [
        card.metrics["accuracy"].value for card in whole.scorecards
    ]
    decided = printed("decide", "--json")
    assert (decided["verdict"], decided["rung"]) == ("ship", "tfidf")
    for stage, word in (("ingest", "kept"), ("fit", "tfidf"), ("evaluate", "accuracy")):
        assert word in call(stage).out
    assert "Ship tfidf" in call("decide").out


def test_ingest_preview_shows_what_steps_take_and_writes_nothing(folder, fakes):
    cleaning = '[cleaning]\nsteps = ["whitespace"]'
    (folder / "metier.toml").write_text(joined.recipe_text(more=cleaning), encoding="utf-8")
    shown = call("ingest", "--preview", 2)
    assert (shown.code, shown.out.count("whitespace")) == (0, 2)
    assert not (folder / ".metier").exists()
    told = printed("ingest", "--preview", 2, "--json")
    assert [step["step"] for one in told for step in one["steps"]] == ["whitespace"] * 2


def test_recipe_check_and_schema(project):
    assert "valid recipe with 2 rungs" in call("recipe", "check").out
    assert len(printed("recipe", "check", "--json")["recipe"]["rungs"]) == 2
    schema = printed("recipe", "schema")
    assert "tfidf" in schema["$defs"]["RungSettings"]["properties"]["method"]["enum"]


def test_models_list_names_the_embedded_ones(project):
    known = {model["name"]: model for model in printed("models", "list", "--json")}
    assert {"smollm2-135m-instruct", "all-minilm-l6-v2"} <= set(known)
    assert "Apache" in known["smollm2-135m-instruct"]["licence"]
    assert "all-minilm-l6-v2" in call("models", "list").out
