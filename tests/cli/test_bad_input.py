"""Bad input: exit code 2, a message that names what and the mend, and nothing half-written."""

import errno
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from metier.errors import UserError
from metier.models import registry
from metier.models.engines.fake import FakeEmbedder
from metier.sources import tables
from metier.store import Project
from tests import joined
from tests.cli.console import call, refused

REAL_MODELS = registry.LocalModels


@pytest.fixture(autouse=True)
def _fakes(fakes):
    """No test here needs a model's quality."""


def give(folder, rows=None, *, text=None, **recipe):
    """Other rows, other file content, or another recipe for the project."""
    if rows is not None:
        joined.write_rows(folder / "docs.csv", rows)
    if text is not None:
        (folder / "docs.csv").write_bytes(text)
    if recipe:
        (folder / "metier.toml").write_text(joined.recipe_text(**recipe), encoding="utf-8")


def assert_nothing_made(folder):
    """No report, no specialist, no finished step, no half corpus."""
    made = folder / ".metier"
    for name in ("report.html", "report.json", "summary.json", "specialist", "corpus.lance"):
        assert not (made / name).exists(), name
    assert [p.name for p in (made / "steps").glob("*") if p.suffix != ".part"] == []


# --- the file ---------------------------------------------------------------------------------


def test_a_missing_file(folder):
    (folder / "docs.csv").rename(folder / "dogs.csv")
    message = refused("run")
    assert "docs.csv" in message
    assert "did you mean dogs.csv?" in message
    assert_nothing_made(folder)


@pytest.mark.parametrize("content", [b"", b"id,module,text\n", b"\n\n\n"])
def test_an_empty_file(folder, content):
    give(folder, text=content)
    assert "docs.csv" in refused("run")
    assert_nothing_made(folder)


def test_bytes_that_are_no_text(folder):
    give(folder, text=bytes(range(256)) * 40)
    message = refused("run")
    assert "docs.csv" in message
    assert_nothing_made(folder)


def test_another_encoding_is_named_with_the_option_that_reads_it(folder):
    row = joined.documented()[0] | {"text": "naïve café"}
    content = "id,module,text\n" + f"{row['id']},{row['module']},{row['text']}\n"
    give(folder, text=content.encode("latin-1"))
    message = refused("run")
    assert "docs.csv" in message
    assert "encoding" in message


def test_a_wrong_text_column_suggests_the_nearest(folder):
    rows = [{"id": r["id"], "module": r["module"], "texts": r["text"]} for r in joined.documented()]
    give(folder, rows)
    message = refused("run")
    assert "no column 'text'; did you mean 'texts'?" in message
    assert_nothing_made(folder)


def test_a_wrong_label_column_suggests_the_nearest(folder):
    rows = [{"id": r["id"], "modul": r["module"], "text": r["text"]} for r in joined.documented()]
    give(folder, rows)
    assert 'no "module"; did you mean "modul"?' in refused("run")


def test_duplicate_ids_name_both_lines(folder):
    rows = joined.documented()
    rows[5]["id"] = rows[2]["id"]
    give(folder, rows)
    message = refused("run")
    assert "given twice" in message
    assert message.count("docs.csv:") == 2
    assert_nothing_made(folder)


def test_empty_and_gigantic_texts_are_counted_and_named(folder, monkeypatch):
    rows = joined.documented()
    rows[3]["text"] = "  "
    rows[4]["text"] = "word " * 1000
    monkeypatch.setattr(tables, "MAX_CHARACTERS", 4000)
    give(folder, rows)
    report = json.loads(call("ingest", "--json").out)
    assert report["malformed_count"] == 2
    assert "no text" in report["malformed"][0]["reason"]
    assert "5,000 characters; more than 4,000 are not read" in report["malformed"][1]["reason"]


def test_texts_that_are_all_empty(folder):
    give(folder, [row | {"text": " "} for row in joined.documented()])
    assert "no row can be used" in refused("run")
    assert_nothing_made(folder)


# --- the labels -------------------------------------------------------------------------------


def test_one_class(folder):
    give(folder, [row | {"module": "email"} for row in joined.documented()])
    message = refused("run")
    assert "two labels or more" in message
    assert '"email"' in message


def test_a_label_that_only_the_test_split_has(folder):
    rows = [row | {"part": "train"} for row in joined.documented()]
    for row in rows[::3]:
        row["part"] = "test"
    rows[0]["module"] = "unheard"
    give(folder, rows, split='by = "given"\ncolumn = "part"')
    message = refused("run")
    assert '"unheard" stands in test but never in train' in message


def test_fewer_rows_than_asked(folder):
    give(folder, split="rows_per_class = 500")
    assert "500 train rows per class are wanted" in refused("run")


def few_rows(count):
    """So many rows of each of the four labels."""
    rows = joined.documented()
    return [row for k in range(4) for row in rows[35 * k : 35 * k + count]]


def test_too_few_rows_to_split(folder):
    give(folder, few_rows(1), split="dev = 0.3")
    message = refused("run")
    assert "the split leaves no examples for test" in message
    assert "add data" in message
    assert not (folder / ".metier" / "report.html").exists()


@pytest.mark.parametrize(("count", "tested"), [(2, 4), (3, 4), (5, 7)])
def test_fewer_rows_than_folds_are_enough_and_the_report_says_on_how_many(folder, count, tested):
    give(folder, few_rows(count), split="dev = 0.3")
    done = call("run", "--json")
    told = json.loads(done.out)
    assert done.code in (0, 1)  # 1: nothing to ship
    assert (folder / ".metier" / "report.html").exists()
    assert {one["items"] for one in told["ladder"]} == {tested}


# --- the recipe -------------------------------------------------------------------------------


def test_typos_of_a_recipe_all_at_once_with_line_and_nearest(folder):
    file = folder / "metier.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace('id = "id"', 'idd = "id"').replace('method = "tfidf"', 'method = "tfdif"')
    file.write_text(text.replace('features = "word"', "feature = 1"), encoding="utf-8")
    message = refused("run")
    line = text.splitlines().index('method = "tfdif"') + 1
    assert f"metier.toml:{line}" in message
    assert "'tfdif'; did you mean 'tfidf'?" in message
    assert "'idd'; did you mean 'id'?" in message
    assert not (folder / ".metier" / "corpus.lance").exists()
    assert refused("recipe", "check") == message


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('id = "id"', "id = 3", "sources[1].id: Input should be a valid string, got 3"),
        ('path = "docs.csv"', "path = 5", "sources[1].path"),
        ('id = "id"', 'keep = "module"', "sources[1].keep"),
        ('id = "id"', "encoding = 5", "sources[1].encoding"),
        ('features = "word"', "features = 3", "features: must be like its default 'auto', not 3"),
        (
            'method = "tfidf"\nfeatures = "word"',
            'method = "lora"\nrank = 1.5',
            "rank: must be like",
        ),
        ("[curve]", '[retention]\nfiles = ["no.csv"]\n\n[curve]', "there is no file"),
    ],
)
def test_values_of_the_wrong_kind_and_missing_files_are_found_before_the_run(
    folder, before, after, message
):
    file = folder / "metier.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    refusal = refused("recipe", "check")
    assert message in refusal
    assert "metier.toml:" in refusal


def test_texts_without_words_are_named_as_what_emptied_the_training_rows(folder):
    give(folder, [row | {"text": "\u263a " * k} for k, row in enumerate(joined.documented(), 5)])
    assert "resembles a test item" in refused("run")


def test_unknown_keys_of_the_recipe_itself(folder):
    file = folder / "metier.toml"
    text = file.read_text(encoding="utf-8").replace("[split]", "[spilt]")
    file.write_text(text.replace("instruction", "instructions"), encoding="utf-8")
    message = refused("recipe", "check")
    assert "did you mean `split`?" in message
    assert "did you mean `instruction`?" in message


def test_a_recipe_that_is_not_there(folder):
    assert "metier new" in refused("run", "other.toml")
    assert not (folder / "other.toml").exists()


def test_a_recipe_that_is_no_text(folder):
    (folder / "metier.toml").write_bytes(b"\xff\xfe\x00")
    assert "metier.toml" in refused("run")


def test_a_setting_of_a_rung_that_it_does_not_take(folder):
    give(folder, rungs='[[rungs]]\nmethod = "tfidf"\nfeatures = "letters"')
    message = refused("run")
    assert "features = 'letters' is none of auto, word, char" in message


def test_a_blend_without_members(folder):
    give(folder, rungs='[[rungs]]\nmethod = "blend"\nmembers = ["nobody"]')
    assert "nobody" in refused("run")


def test_a_classifier_for_a_free_task(folder):
    file = folder / "metier.toml"
    text = file.read_text(encoding="utf-8").replace('"classification"', '"short_answer"')
    file.write_text(text, encoding="utf-8")
    message = refused("run")
    assert "short_answer" in message
    assert "tfidf" in message or "majority" in message


# --- models -----------------------------------------------------------------------------------

PROMPT = '[[rungs]]\nmethod = "prompt"'


@pytest.fixture
def real_models(monkeypatch):
    """Language models are resolved and checked as ever; only the embedder stays a fake."""

    class Models(REAL_MODELS):
        def embedder(self, name):
            return FakeEmbedder()

    monkeypatch.setattr(registry, "LocalModels", Models)


def test_an_unknown_model_says_what_was_tried(folder, real_models):
    give(folder, rungs=PROMPT, more='[model]\nbase = "smollm2-135m-instrukt"')
    message = refused("run")
    assert "no model named 'smollm2-135m-instrukt'; did you mean smollm2-135m-instruct" in message
    assert "Tried: the local path" in message
    assert_nothing_made(folder)


@pytest.mark.parametrize("key", ["base", "embedder"])
def test_an_unknown_model_is_found_by_check_and_before_any_work_with_its_line(folder, key):
    give(folder, more=f'[model]\n{key} = "nobody/nothing"')
    line = len((folder / "metier.toml").read_text(encoding="utf-8").splitlines())
    message = refused("recipe", "check")
    assert f"metier.toml:{line}: model.{key}: no model named 'nobody/nothing'" in message
    assert "metier models pull nobody/nothing" in message
    assert refused("run") == message
    assert_nothing_made(folder)


def test_other_models_that_a_recipe_names_are_looked_up_too(folder):
    rungs = '[[rungs]]\nmethod = "retrieve"\nreranker = "nobody/reranker"'
    give(folder, rungs=rungs, more='[generate]\nteacher = "nobody/teacher"')
    message = refused("recipe", "check")
    assert "rungs[1].reranker: no model named 'nobody/reranker'" in message
    assert "generate.teacher: no model named 'nobody/teacher'" in message


def test_looking_a_model_up_fetches_and_converts_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    (folder / "whole.gguf").write_bytes(b"GGUF" + (3).to_bytes(4, "little"))
    give(folder, more=f'[model]\nbase = "{folder / "whole.gguf"}"')
    assert call("recipe", "check").code == 0
    assert not (tmp_path / "cache").exists()


def test_truncated_weights(folder, real_models):
    base = folder / "base"
    base.mkdir()
    (base / "config.json").write_text("{}", encoding="utf-8")
    weights = {"lm_head.weight": np.zeros((64, 64), dtype=np.float32)}
    save_file(weights, base / "model.safetensors")
    whole = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(whole[:-1000])
    give(folder, rungs=PROMPT, more=f'[model]\nbase = "{base}"')
    message = refused("run")
    assert "model.safetensors is cut off" in message
    assert "fetch the model again" in message


def test_an_adapter_made_for_another_base(folder):
    base, adapter = folder / "base", folder / "adapter"
    base.mkdir()
    adapter.mkdir()
    (base / "config.json").write_text("{}", encoding="utf-8")
    save_file({"model.q.weight": np.zeros((6, 4))}, base / "model.safetensors")
    made_for = {"peft_type": "LORA", "base_model_name_or_path": "another-base"}
    (adapter / "adapter_config.json").write_text(json.dumps(made_for), encoding="utf-8")
    with pytest.raises(UserError, match=r"made for another-base and does not fit .*; train it"):
        REAL_MODELS().language_model(str(base), adapter=adapter)


def test_tuning_a_remote_base_is_refused_before_the_run_with_line_and_mend(folder):
    tuned = '[[rungs]]\nmethod = "lora"'
    give(folder, rungs=tuned, more='[model]\nbase = "openai:foo@http://127.0.0.1:9/v1"')
    lines = (folder / "metier.toml").read_text(encoding="utf-8").splitlines()
    message = refused("recipe", "check")
    line = lines.index('method = "lora"') + 1
    assert f"metier.toml:{line}: rungs[1].method: " in message
    assert "runs elsewhere" in message
    assert "name a local base" in message
    assert refused("run") == message
    assert_nothing_made(folder)


def test_check_names_the_usual_rungs_that_a_remote_base_leaves_out(folder):
    give(folder, rungs="", more='[model]\nbase = "openai:foo@http://127.0.0.1:9/v1"')
    lines = (folder / "metier.toml").read_text(encoding="utf-8").splitlines()
    told = call("recipe", "check")
    assert told.code == 0
    assert "valid recipe with 7 rungs" in told.out
    line = lines.index('base = "openai:foo@http://127.0.0.1:9/v1"') + 1
    said = " ".join(told.out.split())
    assert f"metier.toml:{line}: model.base: rung 'lora' is left out: " in said
    assert "name a local base" in said
    assert list(json.loads(call("recipe", "check", "--json").out)["left_out"]) == ["lora"]


# --- what stands already ----------------------------------------------------------------------


def test_ask_without_a_question(finished, monkeypatch):
    monkeypatch.chdir(finished[0])
    assert "nothing to ask" in refused("ask", ".", given="\n \n")
    assert "question 2 of 2 is empty" in refused("ask", ".", "Who?", "  ")


def test_ask_report_and_runs_before_a_run(folder):
    assert "`metier run` makes one" in refused("ask", ".", "Who?")
    assert "`metier run` makes one" in refused("report")
    assert "`metier run` starts one" in refused("runs")
    assert not (folder / ".metier").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"rung": 1}'])
@pytest.mark.parametrize(
    "name", ["release.json", "candidate.json", "vocabulary.json", "linear.npz"]
)
def test_a_damaged_release(finished, tmp_path, name, content):
    release = shutil.copytree(finished[0] / ".metier" / "specialist", tmp_path / "release")
    (release / name).write_text(content, encoding="utf-8")
    message = refused("ask", release, "Who?")
    assert name in message
    (release / name).unlink()
    assert "release" in refused("ask", release, "Who?")


def test_a_release_of_a_method_that_is_not_installed(finished, tmp_path):
    release = shutil.copytree(finished[0] / ".metier" / "specialist", tmp_path / "release")
    text = (release / "candidate.json").read_text(encoding="utf-8")
    text = text.replace('"method": "tfidf"', '"method": "oracle"')
    (release / "candidate.json").write_text(text, encoding="utf-8")
    assert "no method is called 'oracle'" in refused("ask", release, "Who?")


@pytest.mark.parametrize("file", ["report.json", "ledger.sqlite"])
def test_a_damaged_project_folder(finished, tmp_path, monkeypatch, file):
    folder = shutil.copytree(finished[0], tmp_path / "project")
    monkeypatch.chdir(folder)
    (folder / ".metier" / file).write_text("no longer what it was", encoding="utf-8")
    message = refused("report" if file == "report.json" else "runs")
    assert file in message
    assert "delete" in message or "run again" in message


@pytest.mark.parametrize("kind", ["corpus", "dataset", "fit"])
def test_a_damaged_step(finished, tmp_path, monkeypatch, kind):
    folder = shutil.copytree(finished[0], tmp_path / "project")
    monkeypatch.chdir(folder)
    for step in (folder / ".metier" / "steps").glob(f"{kind}-*"):
        for file in step.iterdir():
            file.write_bytes(file.read_bytes()[:7])
    message = refused("run")
    assert f"{kind}-" in message or "corpus" in message


def test_a_corpus_that_was_deleted(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished[0], tmp_path / "project")
    monkeypatch.chdir(folder)
    shutil.rmtree(folder / ".metier" / "corpus.lance")
    message = refused("run")
    step = next((folder / ".metier" / "steps").glob("corpus-*"))
    assert f"delete {step.relative_to(folder)} and run again" in message
    shutil.rmtree(step)
    assert call("run").code == 0


# --- the disk ---------------------------------------------------------------------------------


def test_no_permission_to_write(folder):
    folder.chmod(0o500)
    try:
        done = joined.metier("run", cwd=folder, bound=True)
    finally:
        folder.chmod(0o700)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no permission to write" in done.stderr
    assert not (folder / ".metier").exists()


def test_no_permission_to_read(folder):
    (folder / "docs.csv").chmod(0)
    done = joined.metier("run", cwd=folder, bound=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "docs.csv: no permission to read" in done.stderr
    assert_nothing_made(folder)


def test_a_project_folder_that_is_a_file(folder):
    (folder / "taken").write_text("", encoding="utf-8")
    message = refused("run", "--project", "taken")
    assert "taken" in message
    assert "--project" in message


@pytest.mark.parametrize("survivors", [0, 1, 3, 6])
def test_a_full_disk_at_any_file_can_be_mended_and_gone_on_from(folder, monkeypatch, survivors):
    """The disk takes some files whole and then no byte more."""
    whole = Path.write_text
    written = []

    def full(path, *arguments, **named):
        written.append(path)
        if len(written) > survivors:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return whole(path, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        message = refused("run")
    assert "No space left on device" in message
    assert "free some space" in message
    assert not (folder / ".metier" / "report.html").exists()
    assert call("run").code == 0


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs namespaces to mount in")
def test_a_disk_that_is_truly_full(folder):
    """In a mount namespace of its own, on a file system of 400 kB that grows afterwards."""
    command = shlex.join(joined.command("run", "--project", "disk/made"))
    script = f"""
    mkdir disk && mount -t tmpfs -o size=400k tmpfs disk || exit 77
    {command}; echo "ended with $?" >&2; ls disk/made >&2
    mount -o remount,size=20m disk
    {command}; echo "then ended with $?" >&2
    """
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        env=joined.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if "ended with" not in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    first, _, second = done.stderr.partition("ended with 2\n")
    assert "full" in first or "No space left" in first
    assert "free some space" in first
    assert "Traceback" not in first
    assert "report.json\n" not in second
    assert "then ended with 0" in second


def test_a_second_run_at_the_same_time_is_refused(folder):
    with Project(folder / ".metier").run("first", {}):
        assert "in use by another metier run" in refused("run")
