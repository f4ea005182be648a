"""What tuning the embedder on unlabelled documents changes, on questions that people wrote.

``python -m benchmarks.embedder_tuning`` writes questions from the passages with the embedded
language model and by cutting sentences out, relabels them with the store's whole search, tunes a
LoRA on the encoder's upper layers, and asks people's questions before and after: whole vectors
alone, with titles, token by token, and all joined as a store does. Nothing is learnt from a
person's question. Every step is kept in ``--work`` and goes on where it stopped.

    squad_en   240 paragraphs, 1,190 questions
    medquad    3,000 answers of the shuffled 12,110, 1,000 questions that no choice looked at

``gain`` is the paired difference in recall at 1, in points, with its 95 % interval and p
(McNemar). ``--dev`` measures on MedQuAD's 500 dev questions over 1,000 answers, for choosing.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import time
from pathlib import Path

from benchmarks.kept_vectors import KeptVectors
from benchmarks.recording import kept, record
from benchmarks.retrieval import BM25, VECTOR, all_candidates, documents, scored
from benchmarks.retrieval_sets import Asked, Set, medquad, squad
from metier import serial
from metier.methods.tuning.embedder_tuning import EmbedderTuning, Tuned, tune_embedder
from metier.models.names.resolve import resolve
from metier.models.registry import LocalModels
from metier.protocols import TokenEmbedder
from metier.retrieval.relabel import lessons
from metier.retrieval.store.index import Index, batches
from metier.retrieval.store.search import Candidates
from metier.retrieval.written import Written, written_questions
from metier.stats import paired_difference
from metier.store import write_text
from metier.types import Json, SearchSettings

EMBEDDER = "all-MiniLM-L6-v2"
ARMS = {
    "bm25": BM25,
    "vector": VECTOR,
    "tokens": SearchSettings(vector=0.0, text=0.0, tokens=1.0),
    "joined": SearchSettings(),
}


def main() -> None:
    """Tune and measure one set after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/retrieval"))
    parser.add_argument("--sets", default="squad_en,medquad")
    parser.add_argument("--count", type=int, default=400, help="passages to write from")
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--step", default="write,tune,measure")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--layers", type=int, default=3)
    options = parser.parse_args()
    for name in options.sets.split(","):
        figures = _one(name, options)
        if figures and not options.dev:
            old, notes = kept("embedder_tuning")
            figures = {f"{name}.{key}": value for key, value in figures.items()}
            others = {key: one for key, one in old.items() if not key.startswith(f"{name}.")}
            notes |= {"about": __doc__, f"load.{name}": os.getloadavg()[0]}
            record("embedder_tuning", others | figures, notes=notes)
        else:
            print(figures, flush=True)


def _one(name: str, options: argparse.Namespace) -> dict[str, Json]:
    chosen = squad(options.data, "en") if name == "squad_en" else medquad(options.data, 1000, 3000)
    base = LocalModels().embedder(EMBEDDER)
    assert isinstance(base, TokenEmbedder)
    embedder = KeptVectors(base, options.work / "vectors.sqlite")
    folder = options.work / "tuned" / name
    index = _index(chosen, embedder, folder / "before")
    written = _written(chosen, folder / "written.json", options)
    if options.step == "write":
        return {}
    started = time.perf_counter()
    tuned = _tuned(index, written, folder / "adapter", options)
    seconds = time.perf_counter() - started
    print(tuned, f"{seconds:.0f} s", flush=True)
    if "measure" not in options.step:
        return {}
    after = LocalModels().embedder(EMBEDDER, adapter=tuned.adapter)
    assert isinstance(after, TokenEmbedder)
    again = KeptVectors(after, folder / f"{after.name[-8:]}.sqlite")
    if options.dev:
        chosen = dataclasses.replace(chosen, passages=chosen.passages[:1000], asked=chosen.dev)
        index = _index(chosen, embedder, folder / "dev")
    figures: dict[str, Json] = {
        "n": len(chosen.asked),
        "written": len(written),
        "lessons": tuned.lessons,
        "judged.n": tuned.judged,
        "judged.before": round(tuned.before, 4),
        "judged.after": round(tuned.after, 4),
        "tune_seconds": round(seconds, 1),
    }
    plain = dataclasses.replace(index.settings, headers=0.0)
    arms = {name: ARMS[name] for name in ("vector", "tokens")}
    figures |= _compared(
        chosen,
        (_index(chosen, embedder, folder / "plain", plain), embedder),
        (_index(chosen, again, folder / "plain_after", plain), again),
        {f"plain_{name}": settings for name, settings in arms.items()},
    )
    return figures | _compared(
        chosen, (index, embedder), (_index(chosen, again, folder / "after"), again), ARMS
    )


def _index(
    chosen: Set, embedder: TokenEmbedder, folder: Path, settings: SearchSettings | None = None
) -> Index:
    shutil.rmtree(folder, ignore_errors=True)
    index = Index.create(folder, embedder, settings=settings)
    for batch in batches(chosen.passages, 2000):
        index.upsert(batch)
    return index


def _written(chosen: Set, path: Path, options: argparse.Namespace) -> list[Written]:
    if not path.is_file():
        model = LocalModels().language_model("smollm2-135m-instruct")
        made = written_questions(chosen.passages, count=options.count, model=model)
        write_text(path, serial.dump(made))
    return serial.read(list[Written], path)


def _tuned(
    index: Index, written: list[Written], folder: Path, options: argparse.Namespace
) -> Tuned:
    folder = folder.with_name(f"adapter-{options.rate}-{options.epochs}-{options.layers}")
    if (folder / "tuned.json").is_file():
        return serial.read(Tuned, folder / "tuned.json")
    tuning = EmbedderTuning(
        learning_rate=options.rate, epochs=options.epochs, layers=options.layers
    )
    tuned = tune_embedder(
        resolve(EMBEDDER), lessons(index, written), folder, tuning=tuning, progress=_told
    )
    write_text(folder / "tuned.json", serial.dump(tuned))
    return tuned


def _told(done: int, total: int | None, what: str) -> None:
    if done % 10 == 0:
        print(done, total, what, flush=True)


Store = tuple[Index, TokenEmbedder]


def _compared(
    chosen: Set, before: Store, after: Store, arms: dict[str, SearchSettings]
) -> dict[str, Json]:
    found = [all_candidates(index, chosen.asked, own) for index, own in (before, after)]
    figures: dict[str, Json] = {}
    for name, settings in arms.items():
        for label, one in zip(("before", "after"), found, strict=True):
            figures |= scored(f"{name}.{label}", one, chosen.asked, settings)
        first = [_first(one, chosen.asked, settings) for one in found]
        gain = paired_difference(first[1], first[0], seed=0)
        figures |= {
            f"{name}.gain": round(100 * gain.difference.value, 2),
            f"{name}.gain_low": round(100 * gain.difference.low, 2),
            f"{name}.gain_high": round(100 * gain.difference.high, 2),
            f"{name}.p": round(gain.p_value, 4),
        }
    return figures


def _first(found: list[Candidates], asked: list[Asked], settings: SearchSettings) -> list[float]:
    return [
        float(bool(set(documents(one, settings)[:1]) & question.right))
        for one, question in zip(found, asked, strict=True)
    ]


if __name__ == "__main__":
    main()
