"""The newsgroups code lab: every rung on 8 groups, 50 posts each, in several draws.

``python -m benchmarks.newsgroups`` fits and asks what is not yet in the work folder, then reports
all that stands there; so it may be stopped and started, and run rung by rung:

    python -m benchmarks.newsgroups --rungs tfidf,embedding,blend
    python -m benchmarks.newsgroups --rungs lora,blend_lora --draws 1 --cleaning lab

A draw is 50 training and 25 dev posts of each group from the data set's own train split; all 800
posts of its test split are asked. Every choice (features, strength, rate, checkpoint, weights, and
``best``, the rung with the least log loss) is made on dev. Delete the work folder after changing a
method: what stands there is not measured again.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks import newsgroups_data as data
from benchmarks.newsgroups_ladder import DRAWS, RUNGS, Ladder, Limits
from benchmarks.newsgroups_report import report
from benchmarks.recording import record
from benchmarks.remembering import RememberingModels
from metier.models.registry import LocalModels
from metier.store import Project


def main() -> None:
    """Measure what is asked for, report what stands."""
    options = _options()
    project = Project(options.work)
    models = RememberingModels(LocalModels(), project)
    limits = Limits(
        groups=options.groups,
        rows=options.rows,
        model_items=options.model_items,
        tokens=options.tokens,
        layers=options.layers,
        epochs=options.epochs,
        rates=tuple(float(rate) for rate in options.rates.split(",")),
    )
    ladder = Ladder(project, models, data.load(options.data / "newsgroups20"), limits)
    asked = [
        (cleaning, draw, rung)
        for rung in options.rungs.split(",")
        for cleaning in options.cleaning.split(",")
        for draw in range(options.draws)
    ]
    with project.run("newsgroups", [list(one) for one in asked]):
        for cleaning, draw, rung in asked:
            measured = ladder.measure(cleaning, draw, rung)
            print(f"{cleaning} draw {draw} {rung}: {measured.accuracy:.4f}", flush=True)
    figures, notes = report(ladder)
    notes |= {"why_not_all": options.why_not_all, "load_average": os.getloadavg()[2]}
    if options.record:
        record("newsgroups", figures, notes=notes)


def _options() -> argparse.Namespace:
    usual = Limits()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/newsgroups"))
    parser.add_argument("--rungs", default=",".join(RUNGS), help="in the ladder's order")
    parser.add_argument("--cleaning", default="lab,strict")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument(
        "--tokens", type=int, default=usual.tokens, help="what a language model reads"
    )
    parser.add_argument(
        "--layers", type=int, default=usual.layers, help="that LoRA tunes, from the top"
    )
    parser.add_argument("--epochs", type=int, default=usual.epochs, help="that LoRA trains")
    parser.add_argument("--rates", default=",".join(map(str, usual.rates)), help="chosen on dev")
    parser.add_argument(
        "--model-items", type=int, default=usual.model_items, help="test items for a model"
    )
    parser.add_argument("--groups", type=int, default=usual.groups, help="fewer to try it")
    parser.add_argument("--rows", type=int, default=usual.rows, help="training posts a group")
    parser.add_argument("--why-not-all", default="", help="goes to the notes")
    parser.add_argument("--no-record", dest="record", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    main()
