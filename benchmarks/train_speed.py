"""How fast the LoRA rung trains beside TRL's defaults: the same rows, adapter settings and epochs.

``python -m benchmarks.train_speed`` prints one JSON object as its last line. Tokens are those of
the rows, each once per epoch, padding left out; time is wall time of the training after loading,
the frozen layers' pass included. ``all_layers`` shows what the loop gains without freezing.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from benchmarks.recording import record

LABELS = ("graphics", "medicine", "space", "baseball")


def main() -> None:
    """Train three times and report tokens per second, wall and processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="SmolLM2-135M-Instruct")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=200, help="longest row")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    runs: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, layers in (("ours", None), ("all_layers", 0)):
            runs[name] = measure_ours(options, Path(scratch) / name, layers)
        runs["trl_defaults"] = measure_trl(options, Path(scratch) / "trl")
    figures = {
        **runs,
        "ratio": runs["ours"]["tokens_per_second"] / runs["trl_defaults"]["tokens_per_second"],
        "ratio_processor": runs["trl_defaults"]["processor_seconds_per_thousand_tokens"]
        / runs["ours"]["processor_seconds_per_thousand_tokens"],
        "rows": options.rows,
        "epochs": options.epochs,
    }
    record("train_speed", figures, notes={"load_average": os.getloadavg()[0]})


def examples(count: int, longest: int) -> list[tuple[str, str]]:
    """Rows of random common words, of lengths between a quarter of the longest and the longest."""
    generator = random.Random(0)
    words = ("the", "time", "has", "some", "new", "way", "of", "line", "and", "people", "that")
    return [
        (
            " ".join(generator.choices(words, k=generator.randint(longest // 4, longest - 40))),
            generator.choice(LABELS),
        )
        for _ in range(count)
    ]


def measure_ours(
    options: argparse.Namespace, directory: Path, layers: int | None
) -> dict[str, float]:
    """The LoRA rung's own loop; ``layers`` None is its default."""
    from metier.methods.lora import Lora, conversation
    from metier.methods.tuning.training import train
    from metier.methods.tuning.workbench import Workbench
    from metier.models.registry import LocalModels
    from metier.protocols import FitContext, silent
    from metier.types import Example, Task

    task = Task("classification", "", labels=LABELS)
    rows = [
        Example(str(place), text, label)
        for place, (text, label) in enumerate(examples(options.rows, options.tokens))
    ]
    settings = {**Lora.defaults, "epochs": options.epochs}
    if layers is not None:
        settings["layers"] = layers
    context = FitContext(
        task, rows, (), options.base, "", LocalModels("transformers"), directory, settings
    )
    clock = _Clock()
    workbench = Workbench(context, lambda text: conversation(task, text))
    with workbench.fresh_adapter(1e-3) as (model, tuning):
        train(model, workbench.rows, None, tuning, directory, silent)
    return clock.speed(sum(workbench.rows.lengths) * options.epochs)


def measure_trl(options: argparse.Namespace, directory: Path) -> dict[str, float]:
    """TRL as its quick start has it; only what both must share is set."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from metier.methods.lora import Lora
    from metier.methods.tuning.workbench import load_base
    from metier.models.names.resolve import resolve

    base = resolve(options.base)
    rows = [
        {
            "prompt": [{"role": "user", "content": text}],
            "completion": [{"role": "assistant", "content": label}],
        }
        for text, label in examples(options.rows, options.tokens)
    ]
    defaults = Lora.defaults
    tokenizer = AutoTokenizer.from_pretrained(base)
    clock = _Clock()
    trainer = SFTTrainer(
        model=load_base(base),
        args=SFTConfig(
            str(directory),
            num_train_epochs=options.epochs,
            per_device_train_batch_size=defaults["batch_size"],
            use_cpu=True,
            report_to="none",
            save_strategy="no",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=defaults["rank"],
            lora_alpha=defaults["alpha"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    trainer.train()
    tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset)
    return clock.speed(tokens * options.epochs)


class _Clock:
    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._processor = time.process_time()

    def speed(self, tokens: int) -> dict[str, float]:
        seconds = time.perf_counter() - self._wall
        processor = time.process_time() - self._processor
        return {
            "tokens_per_second": tokens / seconds,
            "seconds": seconds,
            "processor_seconds_per_thousand_tokens": 1000 * processor / tokens,
            "tokens": float(tokens),
        }


if __name__ == "__main__":
    main()
