"""A run that is killed at any moment goes on where it was and ends as if nothing had happened."""

import json
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from functools import partial

import pytest

from metier.serial import read
from metier.types import RunReport
from tests import joined

SMALL = "rows_per_class = 8\ntest_items = 40"
KILLS = 3


def start(folder):
    """`metier run` in a process of its own, its progress readable.

    It minds Ctrl-C even when these tests were started in the background, where a shell has it
    ignored and children inherit that.
    """
    return subprocess.Popen(
        joined.command("run"),
        cwd=folder,
        env=joined.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def items(folder):
    """Every finished item of the ledger with the time it took, by step and example."""
    ledger = folder / ".metier" / "ledger.sqlite"
    if not ledger.exists():
        return {}
    with closing(sqlite3.connect(ledger)) as connection:
        try:
            rows = connection.execute("SELECT step, item, value FROM items").fetchall()
        except sqlite3.OperationalError:  # killed before the tables stood
            return {}
    assert len({row[:2] for row in rows}) == len(rows)
    return {row[:2]: json.loads(row[2])["seconds"] for row in rows}


def finished_steps(folder):
    steps = folder / ".metier" / "steps"
    return {
        path.name: path.stat().st_mtime_ns for path in steps.glob("*") if path.suffix != ".part"
    }


def measured(folder):
    """All that a run says but for times and what follows from them."""
    report = read(RunReport, folder / ".metier" / "report.json")
    cards = {
        card.rung: [(i.example, i.answer, [s.value for s in i.scores]) for i in card.items]
        for card in report.scorecards
    }
    differences = [
        (c.rung, c.against, c.difference, c.p_value) for c in report.decision.comparisons
    ]
    return {
        "versions": report.versions,
        "dataset": report.dataset,
        "cards": cards,
        "accuracy": [card.metrics["accuracy"] for card in report.scorecards],
        "verdict": (report.decision.verdict, report.decision.rung),
        "differences": differences,
        "overlaps": report.overlaps,
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """What a run says that nobody disturbs, and how long it takes."""
    folder = joined.write_project(tmp_path_factory.mktemp("unbroken"), split=SMALL)
    began = time.monotonic()
    done = joined.metier("run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return measured(folder), time.monotonic() - began


def test_killed_at_any_moment_it_ends_with_the_same_result(unbroken, tmp_path):
    expected, whole = unbroken
    folder = joined.write_project(tmp_path / "killed", split=SMALL)
    moments = random.Random(17)
    asked, steps = {}, {}
    for _ in range(KILLS):
        process = start(folder)
        time.sleep(whole * moments.uniform(0.3, 0.95))
        process.kill()
        process.communicate()
        now = items(folder)
        assert {key: now[key] for key in asked} == asked  # asked once, and kept
        assert steps.items() <= finished_steps(folder).items()  # built once, and kept
        asked, steps = now, finished_steps(folder)
    done = joined.metier("run", cwd=folder)
    assert done.returncode == 0, done.stderr
    after = items(folder)
    assert {key: after[key] for key in asked} == asked
    assert steps.items() <= finished_steps(folder).items()
    assert not list((folder / ".metier" / "steps").glob("*.part"))
    assert measured(folder) == expected


def test_killed_between_items_it_asks_none_again(unbroken, tmp_path):
    folder = joined.write_project(tmp_path / "killed", split=SMALL)
    process = start(folder)
    for line in process.stderr:
        if line == "ask tfidf: test: 30/40\n":
            process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    asked = items(folder)
    assert len(asked) >= 40 + 30
    assert joined.metier("run", cwd=folder).returncode == 0
    after = items(folder)
    assert {key: after[key] for key in asked} == asked
    assert measured(folder) == unbroken[0]


def test_ctrl_c_says_how_to_go_on_and_exits_with_130(unbroken, tmp_path):
    folder = joined.write_project(tmp_path / "stopped", split=SMALL)
    process = start(folder)
    said = [process.stderr.readline()]  # at the first sign of work, all of it is still to be done
    process.send_signal(signal.SIGINT)
    said += process.communicate()[1].splitlines(keepends=True)
    assert process.returncode == 130
    assert said[-1] == "stopped; run the same command again and it goes on where it was\n"
    assert not any("Traceback" in line for line in said)
    runs = joined.metier("runs", "--json", cwd=folder)
    assert json.loads(runs.stdout)[0]["status"] == "stopped"
    assert joined.metier("run", cwd=folder).returncode == 0
    assert measured(folder) == unbroken[0]
