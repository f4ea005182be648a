"""Questions from raw court opinions: how many pass, how much they cover, how many are wrong.

``python -m benchmarks.caselaw`` draws 60 of 548 opinions by seed, runs ``examples/caselaw`` on
them in ``build/caselaw`` (resumable: nothing is asked twice), and shows 20 random accepted pairs
and 20 random rejects with their reasons. The arms that learn from the pairs are added to
``ARMS``; each gives an accuracy and is recorded under its own key.

``caselaw_audit.jsonl`` holds one reader's verdicts on the 100 rows drawn by seed; wording that is
broken or does not stand alone counts as wrong. Where rows changed since, only those count that
are still in the sample.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.caselaw_data import OPINIONS, SEED, write_opinions
from benchmarks.recording import record
from metier.dataset.generate.audit import draw, read_verdicts, result
from metier.dataset.generate.rows import read_generated
from metier.dataset.generate.run import Generated
from metier.pipeline import Pipeline
from metier.recipe import read_recipe
from metier.store import Project
from metier.types import GeneratedRow, Json

EXAMPLE = Path(__file__).parents[1] / "examples" / "caselaw" / "metier.toml"
AUDIT = Path(__file__).with_name("caselaw_audit.jsonl")
SHOWN = 20
ARMS: dict[str, Callable[[Pipeline], float]] = {}
"""Accuracy of each rung on the held-out questions, by the key it is recorded under."""


def main() -> None:
    """Draw, generate, measure what was made, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path("build/caselaw"))
    parser.add_argument("--opinions", type=int, default=OPINIONS)
    parser.add_argument("--audit", type=Path, default=AUDIT)
    options = parser.parse_args()
    began = time.monotonic()
    options.folder.mkdir(parents=True, exist_ok=True)
    write_opinions(options.data, options.folder / "opinions.csv", count=options.opinions)
    recipe = shutil.copy(EXAMPLE, options.folder / "metier.toml")
    store = Project(options.folder / ".metier")
    with store.run("caselaw", {"recipe": recipe.read_text(encoding="utf-8")}):
        pipeline = Pipeline(
            read_recipe(recipe), store, file=str(recipe), progress=lambda *told: print(*told)
        )
        before = time.monotonic() - began
        generated = read_generated(pipeline.generation)
        after = time.monotonic()
        figures = _figures(generated)
        figures |= {name: arm(pipeline) for name, arm in ARMS.items()}
    audited = result(draw(generated.accepted, seed=SEED), read_verdicts(options.audit))
    figures["audit_error"] = round(audited.error.value, 4) if audited else None
    spent = before + generated.report.seconds + time.monotonic() - after
    figures["minutes"] = round(spent / 60, 2)
    notes = _notes(generated) | {"audit": str(audited.error) if audited else "not judged yet"}
    record("caselaw", figures, notes=notes)


def _figures(generated: Generated) -> dict[str, Json]:
    report = generated.report
    facts = report.coverage.facts
    return {
        "pairs.accepted": report.accepted,
        "pairs.rejected": len(generated.rejected),
        "coverage": round(report.coverage.chunks.value, 4),
        "coverage.facts": round(facts.value, 4) if facts else None,
    }


def _notes(generated: Generated) -> dict[str, Json]:
    report, chance = generated.report, random.Random(SEED)
    accepted = chance.sample(generated.accepted, min(SHOWN, len(generated.accepted)))
    rejected = chance.sample(generated.rejected, min(SHOWN, len(generated.rejected)))
    return {
        "coverage.chunks": str(report.coverage.chunks),
        "coverage.facts": str(report.coverage.facts),
        "by_writer_and_kind": {key: str(share) for key, share in report.acceptance.items()},
        "accepted_by_writer": Counter(r.provenance.generator for r in generated.accepted),
        "given_up": list(report.given_up),
        "reasons": dict(report.rejected),
        "checker": None
        if report.checker is None
        else {
            "name": report.checker.checker,
            "lets_through": str(report.checker.lets_through),
            "refuses": str(report.checker.refuses),
        },
        "stopped": report.stopped,
        "requests": report.asked + report.remembered,
        "generation_seconds": round(report.seconds, 1),
        "accepted": [_shown(row) for row in accepted],
        "rejected": [_shown(row) for row in rejected],
    }


def _shown(row: GeneratedRow) -> dict[str, Json]:
    shown = {
        "question": row.question,
        "answer": row.answer,
        "kind": row.kind,
        "writer": row.provenance.generator,
        "evidence": [" ".join(quote.split())[:300] for quote in row.quotes],
        "document": row.provenance.document,
    }
    return shown if row.dropped is None else {**shown, "reason": row.dropped}


if __name__ == "__main__":
    main()
