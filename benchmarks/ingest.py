"""How fast and in how much memory metier ingests a large CSV, beside pandas reading the same file.

``python -m benchmarks.ingest`` writes the file to a temporary folder, and reads it three times,
each in a process of its own: ``metier`` makes a corpus of it (ids checked, whitespace cleaned,
exact duplicates out, chunked, written to Lance), ``source`` only reads the documents, ``pandas``
is ``read_csv``. Rows are those of the file, broken ones included; time is wall time after the
imports; memory is the process's greatest resident size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.generate_csv import write_csv
from benchmarks.recording import peak_memory_gb, record
from metier.protocols import Source
from metier.sources import TableSource
from metier.types import Json

Measured = dict[str, Json]


def main() -> None:
    """Write the file, read it in each way, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", choices=sorted(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(READERS[options.child](options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tickets.csv"
        rows = write_csv(file, megabytes=options.megabytes, seed=options.seed)
        size = file.stat().st_size
        # The file was just written, so each of them finds it in the system's cache.
        measured = {name: _in_child(name, file) for name in ("pandas", "source", "metier")}
    speeds = {name: rows / one["seconds"] for name, one in measured.items()}
    figures: dict[str, Json] = {
        "peak_memory_gb": round(measured["metier"]["peak_memory_gb"], 3),
        "rows_per_second": round(speeds["metier"]),
        "ratio_pandas": round(speeds["metier"] / speeds["pandas"], 3),
        "megabytes_per_second": round(size / 1e6 / measured["metier"]["seconds"], 1),
        "source.rows_per_second": round(speeds["source"]),
        "source.ratio_pandas": round(speeds["source"] / speeds["pandas"], 3),
        "source.peak_memory_gb": round(measured["source"]["peak_memory_gb"], 3),
        "pandas.rows_per_second": round(speeds["pandas"]),
        "pandas.peak_memory_gb": round(measured["pandas"]["peak_memory_gb"], 3),
        "rows": rows,
        "bytes": size,
    }
    notes = {**measured, "runs_each": 1, "load_average": os.getloadavg()[0]}
    record("ingest", figures, notes=notes)


def _in_child(reader: str, file: Path) -> Measured:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ingest", "--child", reader, "--file", str(file)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


def _metier(file: Path) -> Measured:
    import lance  # noqa: F401  # loaded before the clock starts, as pandas is
    import pyarrow  # noqa: F401

    from metier.corpus.clean import make_step
    from metier.corpus.deduplicate import Deduplication
    from metier.corpus.ingest import ingest

    source = _source(file)

    def run() -> Measured:
        report = ingest(
            source,
            file.with_name("corpus.lance"),
            steps=[make_step("whitespace")],
            deduplication=Deduplication(exact=True, near=False),
        )
        return {
            "documents": report.documents,
            "malformed": report.malformed_count,
            "dropped": dict(report.dropped),
            "chunks": report.chunks,
        }

    return _measure(run)


def _read_only(file: Path) -> Measured:
    import numpy  # noqa: F401

    source = _source(file)
    return _measure(lambda: {"documents": sum(1 for _ in source.documents(lambda broken: None))})


def _pandas(file: Path) -> Measured:
    import pandas as pd

    def run() -> Measured:
        # Without these two a broken row ends the reading; with them it is dropped in silence.
        frame = pd.read_csv(file, on_bad_lines="skip", encoding_errors="replace")
        return {"documents": len(frame), "pandas": pd.__version__}

    return _measure(run)


READERS: dict[str, Callable[[Path], Measured]] = {
    "metier": _metier,
    "pandas": _pandas,
    "source": _read_only,
}


def _source(file: Path) -> Source:
    return TableSource(file, text="text", id="id", title="title")


def _measure(run: Callable[[], Measured]) -> Measured:
    wall, processor = time.perf_counter(), time.process_time()
    found = run()
    return {
        "seconds": time.perf_counter() - wall,
        "processor_seconds": time.process_time() - processor,
        "peak_memory_gb": peak_memory_gb(),
        **found,
    }


if __name__ == "__main__":
    main()
