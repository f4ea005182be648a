"""A released specialist answers anywhere as it was measured."""

import json
import shutil
import subprocess
import sys

import pytest

import metier
from metier.errors import DataError, ModelFileError
from metier.models.engines.fake import FakeModels
from metier.serial import read
from metier.types import RunReport
from tests import joined

ELSEWHERE = """
import json, sys, metier
specialist = metier.load(sys.argv[1])
answers = specialist.ask_all(json.load(sys.stdin))
print(json.dumps([[a.text, dict(a.probabilities)] for a in answers]))
"""


def report_of(folder):
    return read(RunReport, folder / ".metier" / "report.json")


@pytest.fixture
def copied(finished, tmp_path):
    """The released directory, taken away from its project."""
    return shutil.copytree(finished[0] / ".metier" / "specialist", tmp_path / "elsewhere")


def test_another_process_in_another_place_gives_the_measured_answers(finished, copied, tmp_path):
    items = report_of(finished[0]).scorecards[1].items
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(copied)],
        input=json.dumps([item.input for item in items]),
        cwd=tmp_path,
        env=joined.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    assert [text for text, _ in answers] == [item.answer.text for item in items]
    for (_, probabilities), item in zip(answers, items, strict=True):
        assert probabilities == pytest.approx(dict(item.answer.probabilities))


def test_what_it_says_about_itself_is_that_of_the_run(finished, copied):
    specialist = metier.load(copied)
    report = report_of(finished[0])
    assert specialist.release.rung == report.decision.rung == specialist.candidate.rung
    assert specialist.release.versions == report.versions
    assert specialist.candidate in report.candidates


def test_one_question_and_many_are_answered_alike(copied):
    specialist = metier.load(copied)
    texts = ["Extract the archive.", "Parse the header of the message."]
    assert [specialist.ask(text) for text in texts] == pytest.approx(specialist.ask_all(texts))
    assert specialist.ask_all([]) == []


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_question_is_refused(copied, text):
    with pytest.raises(DataError, match="question 2 of 2 is empty"):
        metier.load(copied).ask_all(["Who?", text])


def test_any_other_directory_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="holds no released specialist"):
        metier.load(tmp_path)


@pytest.mark.parametrize("method", ["prompt", "few_shot", "embedding"])
def test_every_kind_of_rung_is_released_and_answers_as_measured(folder, fakes, method):
    text = joined.recipe_text(rungs=f'[[rungs]]\nmethod = "{method}"', split="test_items = 24")
    (folder / "metier.toml").write_text(text, encoding="utf-8")
    result = metier.run(folder)
    place = shutil.copytree(metier.release(folder, method), folder / "elsewhere")
    shutil.rmtree(folder / ".metier")
    specialist = metier.load(place, models=FakeModels())
    for item in result.report.scorecards[0].items:
        assert specialist.ask(item.input).text == item.answer.text


@pytest.mark.parametrize("rung", ["prompt", "blend"])
def test_other_weights_under_a_measured_name_are_refused(folder, fakes, rung):
    base = folder / "model"
    joined.write_weights(base, 1)
    rungs = "".join(f'[[rungs]]\nmethod = "{method}"\n' for method in ("tfidf", "prompt", "blend"))
    more = f'[model]\nbase = "{base}"'
    text = joined.recipe_text(rungs=rungs, more=more, split="test_items = 24")
    (folder / "metier.toml").write_text(text, encoding="utf-8")
    place = metier.release(folder, rung)
    assert metier.load(place, models=FakeModels()).ask("a question").text
    joined.write_weights(base, 2)
    with pytest.raises(ModelFileError, match="not those that it was measured with"):
        metier.load(place, models=FakeModels())


def test_the_next_release_replaces_the_last_whole(folder, fakes):
    metier.run(folder)
    stray = folder / ".metier" / "specialist" / "stray"
    stray.write_text("", encoding="utf-8")
    text = joined.recipe_text(rungs='[[rungs]]\nmethod = "majority"')
    (folder / "metier.toml").write_text(text, encoding="utf-8")
    specialist = metier.release(folder, "majority")
    assert metier.load(specialist).release.rung == "majority"
    assert not stray.exists()
    assert not (specialist / "vocabulary.json").exists()


def test_where_no_rung_passes_the_last_release_stays(folder, fakes):
    before = metier.run(folder)
    gated = joined.recipe_text(more="[gates]\nleast_quality = 1.0")
    (folder / "metier.toml").write_text(gated, encoding="utf-8")
    result = metier.run(folder)
    assert result.specialist is None
    assert metier.load(before.specialist).release.created == before.report.created
