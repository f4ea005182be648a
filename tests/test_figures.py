"""The tables of measured figures say what the result files say, and nothing better."""

import json

import pytest
from docs.figures import FIGURES, every_figure, headlines

ORIGIN = {"hardware": "a machine", "commit": "abc", "created": "2026-01-01"}


@pytest.fixture
def results(tmp_path):
    """Writes a result file; gives its folder."""

    def write(name, figures, **notes):
        content = {"figures": figures, "notes": notes, **ORIGIN}
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return write


def rows(table):
    """By what each line says, its other cells."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {cells[0]: [cell.strip() for cell in cells[1:]] for cells in lines[1:]}


@pytest.mark.parametrize(("low", "named"), [("arithmetic", "arithmetic"), ("general", "general")])
def test_the_worst_suite_is_the_one_that_the_result_says(results, low, named):
    kept = {f"tuned.retention.{one}": 0.98 for one in ("language", "arithmetic", "general")}
    kept |= {
        f"tuned.retention.{low}": 0.91,
        f"tuned.retention.{low}.low": 0.85,
        "tuned.retention": 0,
    }
    (line,) = [one for one in rows(headlines(results("facts", kept), link="r")) if "kept of" in one]
    assert line == f"300 facts tuned into weights: kept of {named}, the worst suite of 3"


def test_a_target_stands_beside_its_figure_and_a_missed_one_says_so(results):
    folder = results("scale_search", {"p95_ms": 23.0, "recall_at_10": 0.94})
    found = rows(headlines(folder, link="r"))
    assert found["a million passages: 95th percentile of a vector search, ms"][2] == "≤ 50"
    assert found["a million passages: recall of the ten nearest"][2] == "≥ 95%, missed"


def test_the_choice_on_dev_tells_in_how_many_draws_lora_could_be_chosen(results):
    figures = {"best.mean": 0.91, "best.n": 800, "best.draws": 5, "lora.draws": 1}
    found = rows(headlines(results("newsgroups", figures), link="r"))
    of = found["20 newsgroups, lab's cleaning: the rung chosen on dev"][3]
    assert of == "800 items, 5 draws; LoRA was a candidate in 1 of them"


def test_rows_from_patterns_and_a_peer_that_made_nothing_are_told(results):
    figures = {"ratio.loop": 22.2, "ratio.loop.requests": 1.63, "ratio.synthetic_data_kit": 21.8}
    arms = {
        "metier": {"accepted": 66, "accepted_from_patterns": 64},
        "loop": {"accepted": 3},
        "synthetic_data_kit": {"accepted": 0},
    }
    found = rows(headlines(results("qa_throughput", figures, arms=arms), link="r"))
    ours, kit = found.values()
    assert ours[3].startswith("the loop made 3 rows, where none counts as 1; ")
    assert "64 of metier's 66 come from patterns, without a model" in ours[3]
    assert ours[3].endswith("requests alone: 1.63 times")
    assert kit[3] == "the kit made 0 rows, where none counts as 1"


def test_every_benchmark_of_the_table_can_be_told_without_results(tmp_path):
    assert headlines(tmp_path, link="r") == "No results yet."
    assert every_figure(tmp_path, link="r") == ""
    assert all(FIGURES.values())
