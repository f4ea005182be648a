"""A million generated chunks: time to build, memory, latency and recall of vector search.

``python -m benchmarks.scale_search`` makes 1,000,000 vectors of 384 dimensions that lie as
MiniLM's do (``scale_data``) and a line of words for each, then measures four stores, each step in a
process of its own, so that each one's memory is its own:

    metier      the store's vector search, as ``retrieval.table`` builds and asks it
    whole       ``Index.search`` over the same rows, k = 10: vectors, words and tokens joined, rows
                read (a question's own vectors are given, so embedding it is not in the time); a
                document put in and found (``new_document_seconds``), taken out and not found, and a
                search of the tier that holds the first hundredth of the chunks (``narrow``)
    faiss       IndexIVFFlat with as many lists, of which as many are read
    sqlite_vec  exact search, which is what sqlite-vec has

Questions are not in the store, and the truth is exact search in numpy. The second half of them is
measured; the number of lists was chosen on others. ``memory_gb`` is the peak of
the process that searched, files that it maps included. ``--stores`` and ``--step`` do a part, and
what others measured stays.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks import scale_data
from benchmarks.recording import kept, peak_memory_gb, record, shown
from benchmarks.scale_data import DIMENSIONS, K, generate, lines, questions_in_words, tokens
from metier.retrieval.store.encoding import Encoded
from metier.retrieval.store.index import TABLE, Index
from metier.retrieval.store.rows import condition, to_table
from metier.retrieval.store.table import create_table, keep_indexed, nearest_to, open_table
from metier.types import Chunk, Json, Passage, Scope, Span, TokenVectors

RARE = 100  # one chunk in so many stands in a tier of its own
LIMITS = (
    "Each time is this machine's with the load that stands beside it. Tried before, on a slower "
    "one: IVF_SQ with 1,000 lists, 24 / 40 / 80 read: recall 0.54 / 0.63 / 0.77, p95 25 / 51 / "
    "94 ms; IVF_RQ with 256 / 320 / 400 lists: recall 0.92 / 0.95 / 0.97. The number of lists was "
    "chosen on other questions than those measured. HNSW was not tried at a million."
)
"""Goes to the notes."""
Vectors = NDArray[np.float32]


def main() -> None:
    """Generate once, build and search each store in a child, record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=800)
    parser.add_argument("--work", type=Path, default=Path("build/scale_search"))
    parser.add_argument("--stores", default="metier,whole,faiss,sqlite_vec")
    parser.add_argument("--step", default="build,search")
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.child:
        store = options.stores
        made = BUILD[store](options.work) if options.step == "build" else _searched(options)
        print(json.dumps(made))
        return
    generate(options.work, options.chunks, options.questions)
    for store in options.stores.split(","):
        prefix = "" if store == "metier" else f"{store}."
        for step in options.step.split(","):
            measured = _figures(_child(options, store, step))
            print(store, measured, flush=True)
            figures, notes = kept("scale_search")
            figures |= {"chunks": options.chunks, "questions": options.questions}
            figures |= {f"{prefix}{key}": value for key, value in measured.items()}
            notes |= {"about": __doc__, "data": scale_data.__doc__, "limits": LIMITS}
            notes |= {f"load.{store}.{step}": os.getloadavg()[0]}
            record("scale_search", figures, notes=notes)


def _figures(measured: dict[str, Json]) -> dict[str, Json]:
    """Rounded; the recall of each question becomes their mean with its interval."""
    from metier.stats import mean  # not above: the processes that are measured would hold it

    recalls = measured.pop("recalls", None)
    figures = {key: round(value, 4) for key, value in measured.items()}
    return figures | ({"recall_at_10": shown(mean(recalls, bounds=(0.0, 1.0)))} if recalls else {})


def _child(options: argparse.Namespace, store: str, step: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale_search", "--work", str(options.work)]
    command += ["--stores", store, "--step", step, "--child"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _searched(options: argparse.Namespace) -> dict[str, Json]:
    """Asks the second half of the questions; on the first the number of lists was chosen."""
    asked = np.load(options.work / "asked.npy")
    truth = np.load(options.work / "truth.npy")
    ask = OPEN[options.stores](options.work)
    first = len(asked) // 2
    exact = options.stores == "sqlite_vec"  # a second each
    for number in range(3 if exact else 20):
        ask(number, asked[number])
    count = 50 if exact else len(asked) - first
    seconds, recalls = [], []
    for number in range(first, first + count):
        started = time.perf_counter()
        found = ask(number, asked[number])
        seconds.append(time.perf_counter() - started)
        recalls.append(len(set(found) & set(truth[number].tolist())) / K)
    figures: dict[str, Json] = {**_latency(seconds)}
    if options.stores == "whole":  # its order is another one on purpose
        figures |= _while_serving(options.work)
    else:
        figures["recalls"] = recalls
    return figures | {"memory_gb": peak_memory_gb()}


def _latency(seconds: list[float], prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}p50_ms": 1000 * float(np.percentile(seconds, 50)),
        f"{prefix}p95_ms": 1000 * float(np.percentile(seconds, 95)),
    }


def _while_serving(work: Path) -> dict[str, float]:
    """A document put in, found, taken out; and searches of the tier that holds little."""
    index = Index.open(work / "index", _Reader(work))
    line = "zebra crosses the wide river at noon"
    new = Passage(Chunk("new#0", line, 0, len(line), Span("new", 0, len(line))))
    found, gone = [], []
    for _ in range(5):
        started = time.perf_counter()
        index.upsert([new])
        assert "new#0" in [hit.chunk.id for hit in index.search([line])[0]]
        found.append(time.perf_counter() - started)
        started = time.perf_counter()
        index.delete(["new"])
        assert "new#0" not in [hit.chunk.id for hit in index.search([line])[0]]
        gone.append(time.perf_counter() - started)
    narrow = []
    for number, words in enumerate(questions_in_words(50)):
        started = time.perf_counter()
        hits = index.search([f"{number} {words}"], K, scope=Scope(tiers=("rare",)))[0]
        narrow.append(time.perf_counter() - started)
        assert len(hits) == K
    return {
        "new_document_seconds": max(found),
        "deleted_document_seconds": max(gone),
        **_latency(narrow, "narrow."),
    }


def build_metier(work: Path) -> dict[str, float]:
    """The rows as ``Index`` keeps them, its word index and its vector index."""
    folder = work / "index"
    shutil.rmtree(folder, ignore_errors=True)
    index = Index.create(folder, _Reader())
    shutil.rmtree(folder / TABLE)
    started = time.perf_counter()
    batches = _rows(np.load(work / "vectors.npy", mmap_mode="r"))
    first = next(batches)
    reader = pa.RecordBatchReader.from_batches(first.schema, _chain(first, batches))
    table = create_table(index.path / TABLE, reader)
    written = time.perf_counter() - started
    keep_indexed(table)
    parts = {"write_seconds": written, "build_seconds": time.perf_counter() - started}
    return {key: round(value, 1) for key, value in parts.items()} | {
        "build_gb": round(peak_memory_gb(), 2),
        "disk_gb": round(_size(folder) / 1e9, 2),
    }


def _rows(vectors: Vectors) -> Iterator[pa.RecordBatch]:
    rare = len(vectors) // RARE
    for start in range(0, len(vectors), 20_000):
        part = np.array(vectors[start : start + 20_000])
        written = lines(start, len(part))
        passages = [
            Passage(
                Chunk(str(place), line, 0, 1, Span(str(place), 0, 1)),
                tier="rare" if place < rare else "",
            )
            for place, line in enumerate(written, start)
        ]
        encoded = Encoded(part, tuple(tokens(start, len(part))), tuple(written))
        yield from to_table(passages, encoded).to_batches()


def _chain(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
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
    table = open_table(work / "index" / TABLE)
    where = condition(Scope(), "2026-01-01")

    def ask(number: int, vector: Vectors) -> list[int]:
        near = nearest_to(vector, K)
        found = table.scanner(columns=["id"], nearest=near, filter=where).to_table()
        return [int(id) for id in found["id"].to_pylist()]

    return ask


def open_whole(work: Path) -> Ask:
    """``Index.search``: both searches, token vectors, the scope, and the best ten rows read."""
    index = Index.open(work / "index", _Reader(work))
    words = questions_in_words(len(np.load(work / "asked.npy", mmap_mode="r")))

    def ask(number: int, vector: Vectors) -> list[int]:
        hits = index.search([f"{number} {words[number]}"], K)[0]
        return [int(hit.chunk.id) for hit in hits]

    return ask


class _Reader:
    """An embedder that knows the questions' vectors, so that the search alone is measured."""

    name = "generated"

    def __init__(self, work: Path | None = None) -> None:
        self._asked = np.load(work / "asked.npy") if work else np.zeros((0, DIMENSIONS))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vector of the question of that number; of another text, one of its own."""
        return self.embed_tokens(texts).vectors

    def embed_tokens(self, texts: Sequence[str]) -> TokenVectors:
        """The same, and 12 token vectors, about what a question has."""
        vectors, tokens = [], []
        for text in texts:
            first = text.split()[0]
            draw = np.random.default_rng(list(text.encode()))
            own = _directions(draw, 1)[0]
            vectors.append(self._asked[int(first)] if first.isdigit() else own)
            tokens.append(_directions(draw, 12))
        return TokenVectors(np.array(vectors, np.float32), tuple(tokens))

    def count_tokens(self, text: str) -> int:
        """Words."""
        return len(text.split())


def _directions(draw: np.random.Generator, count: int) -> Vectors:
    drawn = draw.standard_normal((count, DIMENSIONS), dtype=np.float32)
    unit: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def open_faiss(work: Path) -> Ask:
    """As many of its lists as ``retrieval.table`` reads."""
    import faiss

    faiss.omp_set_num_threads(2)
    index = faiss.read_index(str(work / "faiss.index"))
    index.nprobe = 352
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
    "whole": lambda work: {},
    "faiss": build_faiss,
    "sqlite_vec": build_sqlite,
}
OPEN = {
    "metier": open_metier,
    "whole": open_whole,
    "faiss": open_faiss,
    "sqlite_vec": open_sqlite,
}

if __name__ == "__main__":
    main()
