"""Questions from raw court opinions: how many pass, how much they cover, how many are wrong.

``python -m benchmarks.caselaw`` runs ``examples/caselaw`` on all 548 opinions in ``build/caselaw``
(resumable: nothing is asked twice): all are ingested and can be looked up, 60 drawn by seed are
asked about. It shows 20 random accepted pairs and 20 random rejects with their reasons. Every rung
of the recipe is an arm, asked the questions on held-out opinions and recorded under its own name;
``--pairs-only`` leaves the arms out.
``minutes`` is the whole of it in a fresh folder, downloads left out.

``caselaw_audit.jsonl`` holds one reader's verdicts on the 100 rows drawn by seed; the reader was a
language model, shown question, answer and evidence. Wording that is broken or does not stand alone
counts as wrong. Where rows changed since, only those count that are still in the sample.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from collections import Counter
from pathlib import Path

from benchmarks.caselaw_data import write_opinions
from benchmarks.recording import record, shown
from metier.dataset.generate.kept.audit import draw, read_verdicts, result
from metier.dataset.generate.kept.rows import read_generated
from metier.dataset.generate.run import Generated
from metier.pipeline import Pipeline
from metier.recipe import read_recipe
from metier.store import Project
from metier.types import GeneratedRow, Json

EXAMPLE = Path(__file__).parents[1] / "examples" / "caselaw" / "metier.toml"
AUDIT = Path(__file__).with_name("caselaw_audit.jsonl")
SHOWN, SEED = 20, 0


def main() -> None:
    """Draw, generate, measure what was made, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--folder", type=Path, default=Path("build/caselaw"))
    parser.add_argument("--audit", type=Path, default=AUDIT)
    parser.add_argument("--pairs-only", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    options.folder.mkdir(parents=True, exist_ok=True)
    write_opinions(options.data, options.folder / "opinions.csv")
    recipe = Path(shutil.copy(EXAMPLE, options.folder / "metier.toml"))
    fresh = not (options.folder / ".metier").exists()
    store = Project(options.folder / ".metier")
    with store.run("caselaw", {"recipe": recipe.read_text(encoding="utf-8")}):
        pipeline = Pipeline(
            read_recipe(recipe), store, file=str(recipe), progress=lambda *told: print(*told)
        )
        before = time.monotonic() - began
        generated = read_generated(pipeline.generation)
        figures, notes = _figures(generated), _notes(generated)
        spent = before + generated.report.seconds
        if not options.pairs_only:
            figures |= _arms(pipeline)
            notes |= _verdict(pipeline)
            spent = time.monotonic() - began if fresh else spent + _seconds(pipeline)
    audited = result(draw(generated.accepted, seed=SEED), read_verdicts(options.audit))
    figures["audit_error"] = shown(audited.error) if audited else None
    figures["minutes"] = round(spent / 60, 2)
    notes |= {
        "audit": str(audited.error) if audited else "not judged yet",
        "audit_reader": "a language model that read question, answer and evidence",
    }
    record("caselaw", figures, notes=notes)


def _figures(generated: Generated) -> dict[str, Json]:
    report = generated.report
    facts = report.coverage.facts
    return {
        "pairs.accepted": report.accepted,
        "pairs.rejected": len(generated.rejected),
        "coverage": shown(report.coverage.chunks),
        "coverage.facts": shown(facts) if facts else None,
    }


def _arms(pipeline: Pipeline) -> dict[str, Json]:
    """Each rung's exact matches on the held-out questions, with its interval."""
    return {card.rung: shown(card.metrics[pipeline.metric]) for card in pipeline.scorecards}


def _verdict(pipeline: Pipeline) -> dict[str, Json]:
    return {
        "metric": pipeline.metric,
        "verdict": pipeline.decision.verdict,
        "rung": pipeline.decision.rung,
        "reasons": list(pipeline.decision.reasons),
        "left_out": pipeline.left_out,
        "kept": {f"{one.rung} {one.suite}": str(one.ratio) for one in pipeline.retention},
        "metrics": {
            card.rung: {name: str(found) for name, found in card.metrics.items()}
            for card in pipeline.scorecards
        },
        "kinds": {
            card.rung: {kind: str(share) for kind, share in card.kinds.items()}
            for card in pipeline.scorecards
        },
    }


def _seconds(pipeline: Pipeline) -> float:
    """Of building and asking the arms, as they were when each was done in earlier runs."""
    trained = sum(built.candidate.train_seconds for built in pipeline.candidates.values())
    return trained + sum(card.seconds for card in pipeline.scorecards)


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
