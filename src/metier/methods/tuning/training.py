"""The training loop that all tuned rungs share: TRL's trainer without the work nobody needs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.utils import logging
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from metier.errors import DataError
from metier.methods.tuning.checkpoints import Clock, seconds_until, whole_checkpoint
from metier.methods.tuning.layers import Activations, CausalModel
from metier.protocols import Progress
from metier.types import Json

BATCHES_SORTED_TOGETHER = 8
"""Rows are sorted by length within this many batches, which keeps padding under a tenth and the
order of batches random."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How to tune one adapter."""

    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    layers: int
    """Layers that get an adapter, counted from the top."""
    epochs: int
    batch_size: int
    learning_rate: float
    warmup: float
    """Share of the steps in which the rate rises to ``learning_rate``; then it falls to 0."""
    weight_decay: float
    seed: int


@dataclass(frozen=True, slots=True)
class DevRows:
    """What a checkpoint is judged by."""

    rows: Activations
    truth: NDArray[np.int64]
    """(rows,): which of a row's answers is right."""


@dataclass(frozen=True, slots=True)
class DevScore:
    """How one checkpoint did on the dev rows."""

    epoch: int
    accuracy: float | None
    """None where rows have only one answer each."""
    log_likelihood: float
    """Mean over rows, natural log; of the right label among the labels where there are several,
    at the best temperature, so that a checkpoint is not preferred for being timid."""
    temperature: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished training and the checkpoint that did best."""

    learning_rate: float
    chosen: DevScore | None
    """None without dev rows: then the last checkpoint stands."""
    epochs: tuple[DevScore, ...]
    seconds: float
    tokens_per_second: float

    def record(self) -> dict[str, Json]:
        """The trial as plain JSON."""
        return asdict(self)


def add_adapter(model: CausalModel, tuning: Tuning) -> CausalModel:
    """Wrap a base in a fresh adapter on its upper layers.

    Raises ``DataError`` for targets that no layer has.
    """
    layers = {name.rsplit(".", 1)[-1]: one for name, one in model.named_modules() if name}
    if not any(target in layers for target in tuning.targets):
        linear = sorted(name for name, one in layers.items() if isinstance(one, torch.nn.Linear))
        raise DataError(
            f"no layer of the base is called {' or '.join(tuning.targets) or 'nothing'}; set "
            f"`targets` to some of {', '.join(linear)}"
        )
    count = model.config.num_hidden_layers
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        target_modules=list(tuning.targets),
        layers_to_transform=list(range(count - tuning.layers, count)),
    )
    set_seed(tuning.seed)
    return get_peft_model(model, config)


def train(
    model: CausalModel,
    rows: Activations,
    dev: DevRows | None,
    tuning: Tuning,
    directory: Path,
    progress: Progress,
) -> Trial:
    """Train the adapter of ``model`` (from ``add_adapter``) and save the best checkpoint.

    ``directory`` gets ``adapter/`` and ``trial.json``; checkpoints after every epoch let a killed
    training go on with the same result. Raises nothing of its own.
    """
    before = seconds_spent(directory)
    started = time.perf_counter() - before
    directory.mkdir(parents=True, exist_ok=True)
    with _hushed():
        trainer = _UpperTrainer(model, rows, dev, tuning, directory, progress)
        trainer.add_callback(Clock(started))
        checkpoint = whole_checkpoint(directory)
        trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    seconds = time.perf_counter() - started
    scores = _dev_scores(trainer.state.log_history)
    chosen = max(scores, key=lambda score: score.log_likelihood, default=None)
    trial = Trial(
        learning_rate=tuning.learning_rate,
        chosen=chosen,
        epochs=tuple(scores),
        seconds=seconds,
        tokens_per_second=sum(rows.lengths) * tuning.epochs / seconds,
    )
    model.save_pretrained(directory / "adapter")
    aside = directory / "trial.json.part"
    aside.write_text(json.dumps(trial.record()), encoding="utf-8")
    os.replace(aside, directory / "trial.json")
    for checkpoint in directory.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    return trial


def seconds_spent(directory: Path) -> float:
    """What earlier attempts took for what still stands of this trial: its checkpoint, or all."""
    trial = finished(directory)
    if trial is not None:
        return trial.seconds
    return seconds_until(whole_checkpoint(directory))


def finished(directory: Path) -> Trial | None:
    """The trial that ``train`` finished in this directory, or None."""
    path = directory / "trial.json"
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    chosen = content["chosen"]
    return Trial(
        learning_rate=content["learning_rate"],
        chosen=None if chosen is None else DevScore(**chosen),
        epochs=tuple(DevScore(**score) for score in content["epochs"]),
        seconds=content["seconds"],
        tokens_per_second=content["tokens_per_second"],
    )


def answer_log_likelihoods(rows: Activations) -> list[NDArray[np.float64]]:
    """Natural-log likelihood of every answer of every row, in the rows' order."""
    found: list[NDArray[np.float64]] = [np.empty(0)] * len(rows)
    for places in rows.passes():
        batch, activations = rows.batch(places)
        with torch.no_grad():
            steps = rows.decoder.above(batch, activations).cpu()
        counts = [len(rows.items[place].tree.steps) for place in places]
        sums = torch.zeros(sum(counts), dtype=torch.float64)
        sums.index_add_(0, batch.paths.cpu(), steps.double())
        for place, values in zip(places, torch.split(sums, counts), strict=True):
            found[place] = values.numpy()
    return found


def fit_temperature(logs: NDArray[np.float64], truth: NDArray[np.int64]) -> tuple[float, float]:
    """The temperature that makes softmax(logs / T) most likely, and that mean log-likelihood.

    Guo et al. 2017, one parameter; bounded to [0.2, 20], since few dev rows, all of them right,
    would ask for certainty.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        return -float(scaled[np.arange(len(truth)), truth].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.2), np.log(20.0)), method="bounded")
    return float(np.exp(best.x)), -float(best.fun)


class _UpperTrainer(SFTTrainer):
    """TRL's trainer on cached activations, with logits only where an answer's token is due.

    Left out, since it took most of a step: gradient checkpointing, the frozen layers' passes,
    padding, logits over prompts, entropy and token accuracy.
    """

    def __init__(
        self,
        model: CausalModel,
        rows: Activations,
        dev: DevRows | None,
        tuning: Tuning,
        directory: Path,
        progress: Progress,
    ) -> None:
        self._rows = rows
        self._dev = dev
        self._tuning = tuning
        super().__init__(
            model=model,
            args=_arguments(len(rows), dev is not None, tuning, directory),
            train_dataset=Dataset.from_dict({"row": list(range(len(rows)))}),
            eval_dataset=None if dev is None else Dataset.from_dict({"row": [0]}),
            data_collator=lambda features: {"places": [int(row["row"]) for row in features]},
            processing_class=_tokenizer(model),
            callbacks=[_Report(progress, f"learning rate {tuning.learning_rate:g}")],
        )
        self.remove_callback(PrinterCallback)

    def compute_loss(
        self,
        model: CausalModel,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # the trainer's own signature
    ) -> torch.Tensor:
        return self._rows.loss(inputs["places"])

    def evaluate(self, *args: object, **kwargs: object) -> dict[str, float]:
        """Score the dev rows; the trainer keeps the result in its state and so in checkpoints."""
        assert self._dev is not None and self.model is not None
        self.model.eval()
        logs = answer_log_likelihoods(self._dev.rows)
        metrics = {
            f"eval_{name}": value
            for name, value in judge(logs, self._dev.truth).items()
            if value is not None
        }
        self.log(dict(metrics))
        self.control: Any = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def create_model_card(self, *args: object, **kwargs: object) -> None:
        """Write none: the candidate's directory has its own."""

    def _get_train_sampler(self, train_dataset: object = None) -> _LengthSampler:
        return _LengthSampler(self._rows.lengths, self._tuning.batch_size, self._tuning.seed)


def judge(logs: Sequence[NDArray[np.float64]], truth: NDArray[np.int64]) -> dict[str, float | None]:
    """Accuracy, log-likelihood and temperature of a checkpoint's dev scores."""
    if all(len(row) == 1 for row in logs):
        mean = float(np.mean([row[0] for row in logs]))
        return {"accuracy": None, "log_likelihood": mean, "temperature": 1.0}
    table = np.stack(logs)
    temperature, mean = fit_temperature(table, truth)
    accuracy = float((table.argmax(axis=1) == truth).mean())
    return {"accuracy": accuracy, "log_likelihood": mean, "temperature": temperature}


def _dev_scores(history: Sequence[dict[str, float]]) -> list[DevScore]:
    return [
        DevScore(
            epoch=round(entry["epoch"]),
            accuracy=entry.get("eval_accuracy"),
            log_likelihood=entry["eval_log_likelihood"],
            temperature=entry["eval_temperature"],
        )
        for entry in history
        if "eval_log_likelihood" in entry
    ]


def _arguments(rows: int, judged: bool, tuning: Tuning, directory: Path) -> SFTConfig:
    steps = tuning.epochs * -(-rows // tuning.batch_size)
    return SFTConfig(
        output_dir=str(directory),
        num_train_epochs=tuning.epochs,
        per_device_train_batch_size=tuning.batch_size,
        learning_rate=tuning.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(tuning.warmup * steps),
        weight_decay=tuning.weight_decay,
        seed=tuning.seed,
        save_strategy="epoch",
        eval_strategy="epoch" if judged else "no",
        load_best_model_at_end=judged,
        metric_for_best_model="log_likelihood" if judged else None,
        greater_is_better=True if judged else None,
        save_total_limit=1,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        # TRL turns both on; here memory is no concern, and autocast would cast every weight.
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
    )


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Within it, transformers warns of nothing: it tells whenever it aligns special tokens."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _tokenizer(model: CausalModel) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model.get_base_model().config.name_or_path)


class _LengthSampler(torch.utils.data.Sampler[int]):
    """Random order in which the rows of a batch have similar lengths; a new one each epoch."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(f"{self._seed} {self._epoch}")
        order = generator.sample(range(len(self._lengths)), len(self._lengths))
        size = self._batch * BATCHES_SORTED_TOGETHER
        batches: list[list[int]] = []
        for start in range(0, len(order), size):
            group = sorted(order[start : start + size], key=lambda row: self._lengths[row])
            batches += [group[at : at + self._batch] for at in range(0, len(group), self._batch)]
        short = [batch for batch in batches if len(batch) < self._batch]
        whole = [batch for batch in batches if len(batch) == self._batch]
        generator.shuffle(whole)
        for batch in (*whole, *short):
            yield from batch


class _Report(TrainerCallback):
    """Tells the caller's progress about every step."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._what = what

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._progress(state.global_step, state.max_steps, self._what)
