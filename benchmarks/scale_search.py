"""A million generated chunks: time to build, memory, latency and recall of vector search.

``python -m benchmarks.scale_search`` makes 1,000,000 unit vectors of 384 dimensions in clusters
(centres with a long tail of sizes, as topics have) and a line of words each, then measures four
stores, each in a process of its own, so that each one's memory is its own:

    metier      Lance, as ``retrieval.table.index_vectors`` builds it, vector search alone
    hybrid      the same with full-text search joined, as ``Index.search`` asks (no token vectors)
    faiss       IndexIVFFlat with as many lists, ``nprobe`` for the same recall
    sqlite_vec  exact search, which is what sqlite-vec has

Questions are vectors of the same clusters that are not in the store. The truth is exact search in
numpy. ``memory_gb`` is the peak of the process while it searched, after a build in another one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.recording import record

DIMENSIONS, K, CLUSTERS, VOCABULARY = 384, 10, 2000, 50_000
Vectors = NDArray[np.float32]


def main() -> None:
    """Generate once, build and search each store in a child, record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--work", type=Path, default=Path("build/scale_search"))
    parser.add_argument("--stores", default="metier,hybrid,faiss,sqlite_vec")
    parser.add_argument("--step", choices=("build", "search"), help="used by the children")
    parser.add_argument("--no-record", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.step:
        store = options.stores
        figures = BUILD[store](options.work) if options.step == "build" else _searched(options)
        print(json.dumps(figures))
        return
    generate(options.work, options.chunks, options.questions)
    figures: dict[str, Any] = {"chunks": options.chunks, "questions": options.questions}
    for store in options.stores.split(","):
        prefix = "" if store == "metier" else f"{store}."
        for step in ("build", "search"):
            measured = _child(options, store, step)
            print(store, measured, flush=True)
            figures |= {f"{prefix}{key}": value for key, value in measured.items()}
    if not options.no_record:
        record("scale_search", figures, notes={"about": __doc__, "load": os.getloadavg()[0]})


def generate(work: Path, chunks: int, questions: int) -> None:
    """Vectors, words, questions and the exact answers, kept for the next run."""
    if (work / "truth.npy").exists() and len(
        np.load(work / "vectors.npy", mmap_mode="r")
    ) == chunks:
        return
    generator = np.random.default_rng(0)
    centres = _unit(generator.normal(size=(CLUSTERS, DIMENSIONS)).astype(np.float32))
    shares = 1 / np.arange(1, CLUSTERS + 1) ** 0.5
    vectors = np.lib.format.open_memmap(
        work / "vectors.npy", "w+", np.float32, (chunks + questions, DIMENSIONS)
    )
    for start in range(0, len(vectors), 50_000):
        count = min(50_000, len(vectors) - start)
        of = generator.choice(CLUSTERS, count, p=shares / shares.sum())
        # At 0.9 of a centre's length over all dimensions, two texts of a topic are at a cosine of
        # about 0.55 and two of different ones near 0: what MiniLM gives.
        noise = generator.normal(size=(count, DIMENSIONS)).astype(np.float32)
        vectors[start : start + count] = _unit(centres[of] + 0.9 / DIMENSIONS**0.5 * noise)
    asked = np.array(vectors[chunks:])
    np.save(work / "asked.npy", asked)
    stored = np.lib.format.open_memmap(work / "stored.npy", "w+", np.float32, (chunks, DIMENSIONS))
    best: list[tuple[Vectors, NDArray[np.int64]]] = []
    for start in range(0, chunks, 100_000):
        part = np.array(vectors[start : min(start + 100_000, chunks)])
        stored[start : start + len(part)] = part
        scores = asked @ part.T
        top = np.argpartition(-scores, K, axis=1)[:, :K]
        best.append((np.take_along_axis(scores, top, 1), top + start))
    scores = np.concatenate([one for one, _ in best], axis=1)
    places = np.concatenate([one for _, one in best], axis=1)
    order = np.argsort(-scores, axis=1)[:, :K]
    np.save(work / "truth.npy", np.take_along_axis(places, order, 1))
    del vectors, stored
    (work / "stored.npy").replace(work / "vectors.npy")


def _unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _child(options: argparse.Namespace, store: str, step: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale_search", "--work", str(options.work)]
    command += ["--stores", store, "--step", step]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _searched(options: argparse.Namespace) -> dict[str, float]:
    asked = np.load(options.work / "asked.npy")
    truth = np.load(options.work / "truth.npy")
    ask = OPEN[options.stores](options.work)
    count = 50 if options.stores == "sqlite_vec" else len(asked)  # exact: a second each
    for number in range(min(20, count)):
        ask(number, asked[number])
    seconds, hits = [], 0
    for number in range(count):
        started = time.perf_counter()
        found = ask(number, asked[number])
        seconds.append(time.perf_counter() - started)
        hits += len(set(found) & set(truth[number].tolist()))
    figures = {
        "p50_ms": 1000 * float(np.percentile(seconds, 50)),
        "p95_ms": 1000 * float(np.percentile(seconds, 95)),
        "recall_at_10": hits / (K * count),
        "memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    if options.stores == "hybrid":  # its order is another one on purpose
        del figures["recall_at_10"]
    return {key: round(value, 4) for key, value in figures.items()}


def _words(generator: np.random.Generator, count: int) -> list[str]:
    """Lines of 40 words whose frequencies fall as in real text."""
    drawn = np.minimum(generator.zipf(1.3, size=(count, 40)), VOCABULARY)
    return [" ".join(f"w{number}" for number in row) for row in drawn]


def build_metier(work: Path) -> dict[str, float]:
    """The rows as ``Index`` keeps them, its word index and its vector index."""
    import lance
    import pyarrow as pa

    from metier.retrieval.encoding import Encoded
    from metier.retrieval.rows import to_table
    from metier.retrieval.table import index_vectors, index_words
    from metier.types import Chunk, Passage, Span

    vectors = np.load(work / "vectors.npy", mmap_mode="r")
    generator = np.random.default_rng(1)

    def tables() -> Any:
        for start in range(0, len(vectors), 20_000):
            part = np.array(vectors[start : start + 20_000])
            lines = _words(generator, len(part))
            passages = [
                Passage(Chunk(str(start + place), line, 0, 1, Span(str(start + place), 0, 1)))
                for place, line in enumerate(lines)
            ]
            encoded = Encoded(part, tuple(b"" for _ in lines), tuple(lines))
            yield from to_table(passages, encoded).to_batches()

    started = time.perf_counter()
    folder = work / "chunks.lance"
    shutil.rmtree(folder, ignore_errors=True)
    batches = tables()
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
    table = lance.write_dataset(reader, str(folder))
    written = time.perf_counter() - started
    index_words(table)
    worded = time.perf_counter() - started - written
    index_vectors(table)
    seconds = time.perf_counter() - started
    parts = {"write_seconds": written, "words_seconds": worded, "build_seconds": seconds}
    return {key: round(value, 1) for key, value in parts.items()} | {
        "disk_gb": round(_size(folder) / 1e9, 2)
    }


def _chain(first: Any, rest: Any) -> Any:
    yield first
    yield from rest


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def build_faiss(work: Path) -> dict[str, float]:
    """1,024 lists, trained on a tenth; float32 as Lance's."""
    import faiss

    vectors = np.load(work / "vectors.npy")
    started = time.perf_counter()
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(DIMENSIONS), DIMENSIONS, 1024, faiss.METRIC_INNER_PRODUCT
    )
    index.train(vectors[::10])
    index.add(vectors)
    seconds = time.perf_counter() - started
    faiss.write_index(index, str(work / "faiss.index"))
    return {"build_seconds": round(seconds, 1)}


def build_sqlite(work: Path) -> dict[str, float]:
    """A virtual table of vectors."""
    vectors = np.load(work / "vectors.npy", mmap_mode="r")
    path = work / "vectors.db"
    path.unlink(missing_ok=True)
    started = time.perf_counter()
    base = _sqlite(path)
    base.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{DIMENSIONS}] distance_metric=cosine)")
    rows = ((place, row.tobytes()) for place, row in enumerate(vectors))
    base.execute("BEGIN")
    base.executemany("INSERT INTO v(rowid, e) VALUES (?, ?)", rows)
    base.execute("COMMIT")
    return {"build_seconds": round(time.perf_counter() - started, 1)}


def _sqlite(path: Path) -> Any:
    """Through apsw: the sqlite3 of many Pythons is built without extensions."""
    import apsw
    import sqlite_vec

    base = apsw.Connection(str(path))
    base.enable_load_extension(True)
    base.load_extension(sqlite_vec.loadable_path())
    return base


Ask = Callable[[int, Vectors], list[int]]


def open_metier(work: Path) -> Ask:
    """The store's vector search, with the scope's condition, ids alone."""
    from metier.retrieval.rows import condition
    from metier.retrieval.table import nearest_to, open_table
    from metier.types import Scope

    table = open_table(work / "chunks.lance")
    where = condition(Scope(), "2026-01-01")

    def ask(number: int, vector: Vectors) -> list[int]:
        near = nearest_to(vector, K)
        found = table.scanner(columns=["id"], nearest=near, filter=where).to_table()
        return [int(id) for id in found["id"].to_pylist()]

    return ask


def open_hybrid(work: Path) -> Ask:
    """Both searches joined, whole rows, as a question of eight words."""
    from metier.retrieval.rows import condition
    from metier.retrieval.search import Question, best, candidates
    from metier.retrieval.table import open_table
    from metier.types import Scope, SearchSettings

    table = open_table(work / "chunks.lance")
    where = condition(Scope(), "2026-01-01")
    drawn = np.random.default_rng(2).zipf(1.3, size=(1000, 8))
    lines = [[f"w{word}" for word in row if word <= VOCABULARY] for row in drawn]
    none = np.zeros((0, DIMENSIONS), dtype=np.float32)

    def ask(number: int, vector: Vectors) -> list[int]:
        question = Question(vector, none, lines[number])
        found = candidates(table, question, count=50, where=where)
        return [int(hit.chunk.id) for hit in best(found, K, SearchSettings())]

    return ask


def open_faiss(work: Path) -> Ask:
    """24 of the 1,024 lists."""
    import faiss

    faiss.omp_set_num_threads(2)
    index = faiss.read_index(str(work / "faiss.index"))
    index.nprobe = 24
    return lambda number, vector: [int(place) for place in index.search(vector[None], K)[1][0]]


def open_sqlite(work: Path) -> Ask:
    """All vectors, each time."""
    base = _sqlite(work / "vectors.db")
    query = "SELECT rowid FROM v WHERE e MATCH ? AND k = ?"
    return lambda number, vector: [
        int(row[0]) for row in base.execute(query, (vector.tobytes(), K))
    ]


BUILD = {
    "metier": build_metier,
    "hybrid": lambda work: {},
    "faiss": build_faiss,
    "sqlite_vec": build_sqlite,
}
OPEN = {
    "metier": open_metier,
    "hybrid": open_hybrid,
    "faiss": open_faiss,
    "sqlite_vec": open_sqlite,
}

if __name__ == "__main__":
    main()
