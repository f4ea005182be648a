"""The project folder: steps addressed by inputs, items that survive a kill, one run at a time."""

import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from metier.errors import StorageError
from metier.store import Project, replace_directory, step_key, write_text
from tests import joined


def test_a_step_is_built_once_for_equal_inputs(tmp_path):
    project = Project(tmp_path)
    built = []

    def build(directory):
        built.append(directory)
        (directory / "out").write_text("x")

    first = project.step("fit", {"a": 1, "b": [2]}, build)
    second = Project(tmp_path).step("fit", {"b": [2], "a": 1}, build)
    other = project.step("fit", {"a": 2}, build)

    assert first == second != other
    assert len(built) == 2
    assert (first / "out").read_text() == "x"


def test_an_interrupted_step_finds_what_it_left(tmp_path):
    project = Project(tmp_path)

    def stop(directory):
        (directory / "epoch-1").write_text("weights")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.step("fit", 1, stop)
    seen = []
    project.step("fit", 1, lambda directory: seen.extend(p.name for p in directory.iterdir()))

    assert seen == ["epoch-1"]


def test_items_survive_a_kill(tmp_path):
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from metier.store import Project
        project = Project(Path(sys.argv[1]))
        with project.run("demo", {}):
            for i in range(100):
                project.add_items("evaluate-1", {f"item {i}": {"answer": i}})
                if i == 41:
                    os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL

    project = Project(tmp_path)
    assert len(project.items("evaluate-1")) == 42
    with project.run("demo", {}):
        pass
    assert [run["status"] for run in project.runs()] == ["done", "stopped"]


def test_a_new_folder_may_be_opened_by_several_at_once(tmp_path):
    def opened(folder):
        together.wait()
        return Project(folder).runs()

    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            together = Barrier(8)
            assert list(pool.map(opened, [tmp_path / str(number)] * 8)) == [[]] * 8


def test_a_second_run_at_the_same_time_is_refused(tmp_path):
    with Project(tmp_path).run("one", {}):
        other = Project(tmp_path)
        with pytest.raises(StorageError, match="in use by another"), other.run("two", {}):
            pass


def test_no_permission_names_the_path(tmp_path):
    tmp_path.chmod(0o500)
    code = "import pathlib, sys, metier.store as s; s.Project(pathlib.Path(sys.argv[1]))"
    done = joined.python(code, tmp_path / "project")
    assert "StorageError" in done.stderr
    assert f"no permission to write {tmp_path / 'project'}" in done.stderr


def test_a_full_disk_names_the_mend(tmp_path):
    with pytest.raises(StorageError, match="free some space"):
        Project(tmp_path).step("fit", 1, lambda directory: _fill("/dev/full"))


def _fill(path):
    with open(path, "wb", buffering=0) as file:
        file.write(b"x")


def test_a_damaged_ledger_says_what_to_do(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all, only text" * 100)
    with pytest.raises(StorageError, match=r"ledger\.sqlite"):
        Project(tmp_path)


def test_a_newer_project_folder_is_not_touched(tmp_path):
    import sqlite3

    Project(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE meta SET version = 99")
    with pytest.raises(StorageError, match="newer metier"):
        Project(tmp_path)


def test_write_text_replaces_whole_files(tmp_path):
    write_text(tmp_path / "deep" / "report.html", "one")
    write_text(tmp_path / "deep" / "report.html", "two")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["report.html"]
    assert (tmp_path / "deep" / "report.html").read_text() == "two"


def test_replace_directory_leaves_no_old_file(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    replace_directory(tmp_path / "a", tmp_path / "out")
    replace_directory(tmp_path / "b", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b"]


def test_step_key_does_not_depend_on_the_order_of_keys():
    assert step_key("fit", {"a": 1, "b": 2}) == step_key("fit", {"b": 2, "a": 1})
