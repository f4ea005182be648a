"""Tunes a sentence encoder on lessons that were written from the documents it is to search."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer, set_seed

from metier.models.embeddings import window_of
from metier.models.quiet import quiet
from metier.protocols import Progress, silent
from metier.retrieval.relabel import Lesson
from metier.retrieval.store.encoding import header_of
from metier.store import write_text
from metier.types import Passage

REPORT = "tuning.json"


@dataclass(frozen=True, slots=True)
class EmbedderTuning:
    """How an embedder is tuned."""

    headers: float = 0.5
    """The store's own weight of title and section, see ``SearchSettings``."""
    rank: int = 16
    layers: int = 3
    """Layers that get an adapter, counted from the top."""
    epochs: int = 3
    batch: int = 16
    negatives: int = 2
    """Passages a question that look right to the store, drawn anew in each epoch."""
    learning_rate: float = 5e-4
    tokens: int = 128
    """A passage is read up to here; what it is about stands at its beginning."""
    sharpness: float = 20.0
    """1 / temperature of the likenesses; sentence-transformers' own for cosines."""
    held_out: float = 0.15
    """Share of the documents whose lessons only judge."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """An adapter, and how often lessons that it never saw found their passage first."""

    adapter: Path
    before: float
    after: float
    lessons: int
    judged: int

    @property
    def helps(self) -> bool:
        """Whether it found more of the passages of documents that it was not tuned on."""
        return self.after > self.before


def tune_embedder(
    base: Path,
    lessons: Sequence[Lesson],
    directory: Path,
    *,
    tuning: EmbedderTuning | None = None,
    progress: Progress = silent,
) -> Tuned:
    """Train a LoRA on the encoder in ``base`` and save it in PEFT's layout in ``directory``.

    Each question's likenesses to all passages of its batch are pulled towards its lesson's
    targets (cross entropy), once by whole vectors and once token by token, because the store
    ranks by both. Judged on held-out documents; the caller drops what does not help.
    """
    tuning = tuning or EmbedderTuning()
    train, held = _split(lessons, tuning)
    set_seed(tuning.seed)
    encoder = _Encoder(base, tuning)
    before = _recall(encoder, held)
    rates = _Rates(tuning, steps=tuning.epochs * -(-len(train) // tuning.batch))
    weights = [one for one in encoder.model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=tuning.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rates.at)
    generator = random.Random(tuning.seed)
    step = 0
    for _ in range(tuning.epochs):
        generator.shuffle(train)
        for start in range(0, len(train), tuning.batch):
            loss = _loss(encoder, train[start : start + tuning.batch], tuning, generator)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step += 1
            progress(step, rates.steps, "steps")
    encoder.model.save_pretrained(directory)
    tuned = Tuned(directory, before, _recall(encoder, held), len(train), len(held))
    told = asdict(tuned) | {"adapter": directory.name, "tuning": asdict(tuning)}
    write_text(directory / REPORT, json.dumps(told, indent=1) + "\n")
    return tuned


@dataclass(frozen=True, slots=True)
class _Rates:
    tuning: EmbedderTuning
    steps: int

    def at(self, step: int) -> float:
        """Up over a tenth of the steps, then down to 0."""
        rise = max(1, self.steps // 10)
        return min((step + 1) / rise, max(0.0, (self.steps - step) / max(1, self.steps - rise)))


@dataclass(frozen=True, slots=True)
class _Read:
    """Texts as unit vectors, and as unit vectors of their tokens."""

    vectors: torch.Tensor
    """Shape (texts, dimensions)."""
    tokens: torch.Tensor
    """Shape (texts, width, dimensions)."""
    mask: torch.Tensor
    """Shape (texts, width): which tokens are the text's own, without marks and padding."""


class _Encoder:
    """The base under a fresh adapter, with gradients."""

    def __init__(self, base: Path, tuning: EmbedderTuning) -> None:
        self._tuning = tuning
        self._window = min(tuning.tokens, window_of(base))
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        with quiet():
            self._tokenizer: Any = AutoTokenizer.from_pretrained(base)
            model: Any = AutoModel.from_pretrained(base, dtype=torch.float32)
        count = model.config.num_hidden_layers
        config = LoraConfig(
            r=tuning.rank,
            lora_alpha=2 * tuning.rank,
            target_modules=["query", "key", "value", "dense"],
            layers_to_transform=list(range(max(0, count - tuning.layers), count)),
            layers_pattern="layer",
        )
        self.model: Any = get_peft_model(model, config).to(self._device)
        # Dropout stays off: the lessons are few steps, and vectors without noise are what is
        # served.
        self.model.eval()

    def read(self, texts: Sequence[str]) -> _Read:
        """The beginning of each text."""
        given = self._tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self._window,
            return_tensors="pt",
            return_special_tokens_mask=True,
        ).to(self._device)
        own = (given.pop("special_tokens_mask") == 0) & (given["attention_mask"] == 1)
        hidden = self.model(**given).last_hidden_state
        mask = given["attention_mask"][..., None]
        means = (hidden * mask).sum(1) / mask.sum(1)
        unit = torch.nn.functional.normalize
        return _Read(unit(means, dim=-1), unit(hidden, dim=-1), own)

    def read_passages(self, passages: Sequence[Passage]) -> _Read:
        """As the store reads them: under title and section, which are read by themselves."""
        own = self.read([passage.chunk.text for passage in passages])
        headers = [header_of(passage) for passage in passages]
        if not self._tuning.headers or not any(headers):
            return own
        distinct = sorted(set(headers))
        place = torch.tensor([distinct.index(header) for header in headers])
        read = self.read(distinct)
        titled = torch.tensor([[float(bool(header))] for header in headers], device=self._device)
        vectors = own.vectors + self._tuning.headers * titled * read.vectors[place]
        return _Read(
            torch.nn.functional.normalize(vectors, dim=-1),
            torch.cat([own.tokens, read.tokens[place]], dim=1),
            torch.cat([own.mask, read.mask[place] & (titled > 0)], dim=1),
        )


def _likeness(asked: _Read, passages: _Read) -> tuple[torch.Tensor, torch.Tensor]:
    """By whole vectors and token by token, each of shape (questions, passages)."""
    pairs = torch.einsum("qtd,pud->qptu", asked.tokens, passages.tokens)
    best = pairs.masked_fill(~passages.mask[None, :, None, :], -1.0).amax(-1)
    counted = asked.mask[:, None, :].float()
    return asked.vectors @ passages.vectors.T, (best * counted).sum(-1) / counted.sum(-1)


def _loss(
    encoder: _Encoder, batch: Sequence[Lesson], tuning: EmbedderTuning, generator: random.Random
) -> torch.Tensor:
    shown: dict[str, Passage] = {}
    for lesson in batch:
        others = lesson.passages[1:]
        drawn = generator.sample(others, min(tuning.negatives, len(others)))
        for passage in (lesson.passages[0], *drawn):
            shown.setdefault(passage.chunk.id, passage)
    asked = encoder.read([lesson.question for lesson in batch])
    read = encoder.read_passages(list(shown.values()))
    targets = torch.tensor([_targets(lesson, list(shown)) for lesson in batch])
    targets = (targets / targets.sum(1, keepdim=True)).to(read.vectors.device)
    whole, tokens = _likeness(asked, read)
    cross_entropy = torch.nn.functional.cross_entropy
    return cross_entropy(tuning.sharpness * whole, targets) + cross_entropy(
        tuning.sharpness * tokens, targets
    )


def _targets(lesson: Lesson, ids: Sequence[str]) -> list[float]:
    known = {
        passage.chunk.id: target
        for passage, target in zip(lesson.passages, lesson.targets, strict=True)
    }
    return [known.get(id, 0.0) for id in ids]


def _split(lessons: Sequence[Lesson], tuning: EmbedderTuning) -> tuple[list[Lesson], list[Lesson]]:
    """To learn from, and of other documents to judge by."""
    documents = sorted({lesson.passages[0].document for lesson in lessons})
    random.Random(tuning.seed).shuffle(documents)
    judging = set(documents[: round(tuning.held_out * len(documents))])
    held = [one for one in lessons if one.passages[0].document in judging]
    return [one for one in lessons if one.passages[0].document not in judging], held


def _recall(encoder: _Encoder, held: Sequence[Lesson]) -> float:
    """How often the own passage is first among all that were found for its question."""
    if not held:
        return 0.0
    first = 0
    with torch.inference_mode():
        for lesson in held:
            whole, tokens = _likeness(
                encoder.read([lesson.question]), encoder.read_passages(lesson.passages[:8])
            )
            first += int((0.5 * whole + tokens)[0].argmax()) == 0
    return first / len(held)
