"""How long the demo takes from documents to a verdict, in a fresh folder.

``python -m benchmarks.demo`` runs ``metier run`` on ``examples/python_docs`` as ``make demo`` does,
after installing: the models are there, nothing else is. The seconds are the whole process's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.recording import record
from metier.types import Json

RECIPE = Path(__file__).parents[1] / "examples" / "python_docs" / "metier.toml"


def main() -> None:
    """Run it once, tell minutes and what it found."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("metier")), "run", str(RECIPE), "--json"]
        started = time.perf_counter()
        done = subprocess.run([*command, "--project", folder], check=True, stdout=subprocess.PIPE)
        minutes = (time.perf_counter() - started) / 60
    told: Json = json.loads(done.stdout)
    figures = {"minutes": round(minutes, 2), "rungs": len(told["ladder"])}
    record("demo", figures, notes={"headline": told["headline"], "load_before": round(load, 2)})


if __name__ == "__main__":
    main()
