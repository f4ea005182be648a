"""Fits the LoRA rung and kills itself with SIGKILL at a given training step."""

import os
import signal
import sys
from pathlib import Path

from metier.methods.lora import Lora
from tests.methods.test_lora import all_digits, context, settings


def main() -> None:
    base, workdir, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    steps = 0

    def progress(done: int, total: int | None, what: str) -> None:
        nonlocal steps
        steps += "learning rate" in what
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with all_digits():
        Lora().fit("lora", context(base, workdir, settings(), progress=progress))


if __name__ == "__main__":
    main()
