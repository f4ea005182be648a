"""The terminal and the JSON tell what the page tells."""

import io
import json
from dataclasses import replace

import pytest
from report_runs import only
from rich.console import Console

from metier.decision.report import as_json, terminal
from metier.decision.report.terminal import IntervalBar
from metier.decision.report.view import headline, look
from metier.types import Estimate, GateResult


def printed(report, *, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(terminal(report))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_width_without_escape_codes(run, width):
    text = printed(run, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    tfidf = next(card for card in run.scorecards if card.rung == "tfidf")
    accuracy = f"{100 * tfidf.metrics['accuracy'].value:.1f}"
    n = "n = ".replace(" ", "\N{NO-BREAK SPACE}")
    for told in ("Ship tfidf", accuracy, n, "Leak probe"):
        assert told in text


def test_names_are_never_read_as_markup(run):
    odd = "[bold red]x[/nothing]"
    cards = tuple(replace(card, rung=odd) for card in run.scorecards[:1])
    report = replace(run, name=odd, scorecards=cards + run.scorecards[1:])
    assert odd in printed(report, width=120)


@pytest.mark.parametrize("verdict", ["cannot_tell", "none_passes"])
def test_other_verdicts(run, verdict):
    decision = replace(run.decision, verdict=verdict, rung=None, items_needed=None)
    text = printed(replace(run, decision=decision))
    assert {"cannot_tell": "Cannot tell yet", "none_passes": "Ship none"}[verdict] in text
    assert "▶" not in text


def test_the_headline_names_no_rung_that_a_gate_excludes(run):
    decision = replace(run.decision, verdict="cannot_tell", rung=None, gates=())
    front = look(replace(run, decision=decision)).focus
    stopped = GateResult("most_seconds_per_call", front.name, False, "too slow")
    after = look(replace(run, decision=replace(decision, gates=(stopped,))))
    assert after.focus.name != front.name
    assert front.name not in headline(after)


def test_one_bare_rung(run):
    bare = replace(only(run, "majority"), candidates=(), leak_probe=None, overlaps=())
    cards = tuple(replace(one, metrics={}, cost_per_thousand=None) for one in bare.scorecards)
    assert "—" in printed(replace(bare, scorecards=cards))


def test_the_bar_marks_value_and_ends():
    bar = IntervalBar(Estimate(0.5, 0.0, 1.0, 9), 0.0, 1.0)
    assert bar.draw(11) == "─────●─────"
    assert bar.draw(11, "-*|") == "-----*-----"
    assert IntervalBar(None, 0.0, 1.0, reference=0.0).draw(3) == "│  "


def test_json_holds_everything_but_the_items(run):
    told = json.loads(json.dumps(as_json(run)))
    assert told["verdict"]["rung"] == "tfidf"
    assert [one["rung"] for one in told["ladder"]] == [one.rung for one in run.scorecards]
    first = told["ladder"][0]["metrics"]["accuracy"]
    assert set(first) == {"value", "low", "high", "n"}
    assert told["data"]["split"]["all"] == {
        "train": len(run.dataset.train),
        "dev": len(run.dataset.dev),
        "test": len(run.dataset.test),
    }
    text = json.dumps(told)
    assert not any(item.input in text for item in run.scorecards[0].items)


def test_json_keys_are_documented(run):
    told = as_json(run)
    for key in [*told, *told["ladder"][0], *told["verdict"]]:
        assert key in as_json.__doc__
