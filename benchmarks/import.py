"""How long ``import metier`` and ``metier --help`` take, and that neither loads torch."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.recording import record

RUNS = 9
HEAVY = ("torch", "transformers", "openvino", "sklearn", "pandas", "matplotlib", "lance")
HELP = "import sys; sys.argv = ['metier', '--help']\nfrom metier.cli.main import app\napp()"


def main() -> None:
    """Measure whole processes, interleaved, and report medians."""
    seconds: dict[str, list[float]] = {"nothing": [], "import_metier": [], "help": []}
    programs = {"nothing": "pass", "import_metier": "import metier", "help": HELP}
    for _ in range(RUNS):
        for name, program in programs.items():
            seconds[name].append(_seconds(program))
    loaded = {name: _loaded(program) for name, program in programs.items()}
    if any(loaded.values()):
        raise SystemExit(f"heavy modules were loaded: {loaded}")
    figures = {
        f"{name}.{key}": value
        for name, times in seconds.items()
        for key, value in (
            ("seconds", round(statistics.median(times), 3)),
            ("seconds.low", round(min(times), 3)),
            ("seconds.high", round(max(times), 3)),
        )
    }
    record("import", {**figures, "runs": RUNS, "torch_loaded": False})


def _seconds(program: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _loaded(program: str) -> list[str]:
    """The heavy modules that the program has loaded when it ends."""
    wrapped = (
        f"import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"{program}"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapped], check=True, capture_output=True, text=True
    )
    names = done.stderr.split()
    return [heavy for heavy in HEAVY if heavy in names]


if __name__ == "__main__":
    main()
