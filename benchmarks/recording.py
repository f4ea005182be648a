"""Keep a benchmark's figures with the versions, hardware and commit that they belong to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from metier import __version__
from metier.hardware import hardware
from metier.store import write_text
from metier.types import Estimate, Json

RESULTS = Path(__file__).parent / "results"
PARTS = ("torch", "transformers", "peft", "trl", "openvino", "scikit-learn", "pylance")


def record(name: str, figures: dict[str, Json], *, notes: dict[str, Json] | None = None) -> None:
    """Write ``results/NAME.json`` and print the figures, ``flat``, as the last line."""
    figures = dict(flat(figures))
    document = {
        "benchmark": name,
        "figures": figures,
        "notes": notes or {},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "hardware": hardware(),
        "versions": {"metier": __version__, **_versions()},
    }
    write_text(RESULTS / f"{name}.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(figures, ensure_ascii=False))


def flat(figures: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Nested tables under dotted keys; what has a ``value`` stands under the table's own key."""
    for name, figure in figures.items():
        key = f"{prefix}{name}"
        if not isinstance(figure, dict):
            yield key, figure
            continue
        if "value" in figure:
            yield key, figure["value"]
        yield from flat({part: one for part, one in figure.items() if part != "value"}, f"{key}.")


def shown(estimate: Estimate) -> dict[str, Json]:
    """An estimate with its interval and n, for people to read."""
    return {
        "value": round(float(estimate.value), 4),
        "low": round(float(estimate.low), 4),
        "high": round(float(estimate.high), 4),
        "n": estimate.n,
    }


def kept(name: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """The figures and notes of the last run, for benchmarks that measure one part at a time."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return {}, {}
    last = json.loads(path.read_text(encoding="utf-8"))
    return last["figures"], last["notes"]


def peak_memory_gb() -> float:
    """The most memory that this process has held, files that it maps included.

    Not ``ru_maxrss``, which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e9


def _versions() -> dict[str, str]:
    found = {}
    for part in PARTS:
        try:
            found[part] = version(part)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, cwd=RESULTS.parent, check=False
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../src")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
