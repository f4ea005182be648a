"""What a killed training goes on from, and what it had taken until then."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

_SECONDS = "seconds.txt"


def whole_checkpoint(directory: Path) -> Path | None:
    """The latest checkpoint that was written to its end; others are removed."""
    whole: list[tuple[int, Path]] = []
    for path in directory.glob("checkpoint-*"):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
        else:
            whole.append((int(path.name.rpartition("-")[2]), path))
    return max(whole)[1] if whole else None


def seconds_until(checkpoint: Path | None) -> float:
    """How long it took to come to this checkpoint, over all attempts."""
    kept = checkpoint and checkpoint / _SECONDS
    return float(kept.read_text(encoding="utf-8")) if kept and kept.is_file() else 0.0


class Clock(TrainerCallback):
    """Notes beside each checkpoint what it took, attempts that were killed included."""

    def __init__(self, started: float) -> None:
        self._started = started

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called when a checkpoint was written."""
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / _SECONDS
        path.write_text(f"{time.perf_counter() - self._started}", encoding="utf-8")
