"""Runs a decoder in two parts, so that what lies below the first adapter is computed only once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.errors import ModelFileError
from metier.models.engines.scoring import Item

CausalModel = Any
"""A causal model of transformers, with or without adapters injected."""

TOKENS_PER_PASS = 4096
CACHE_BYTES = 4_000_000_000
"""Activations of more tokens than fit here are computed again for every batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items laid out for one pass: prompt, then the answers' tree, then padding."""

    ids: torch.Tensor
    """(rows, columns)"""
    positions: torch.Tensor
    """(rows, columns)"""
    mask: torch.Tensor | None
    """(rows, 1, columns, columns), True where a token may look; None when plainly causal: padding
    stands at the end, where no token looks at it."""
    rows: torch.Tensor
    """(steps,) of the answers' tokens: the row that predicts each."""
    columns: torch.Tensor
    """(steps,): the column that predicts it."""
    targets: torch.Tensor
    """(steps,): the token itself."""
    paths: torch.Tensor
    """(steps,): the answer that it belongs to, counted over the whole batch."""

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        mask = None if self.mask is None else self.mask.to(device)
        parts = (self.rows, self.columns, self.targets, self.paths)
        moved = [part.to(device) for part in parts]
        return Batch(self.ids.to(device), self.positions.to(device), mask, *moved)


def lay_out(items: Sequence[Item]) -> Batch:
    """Put items side by side; an item with one answer needs no mask of its own."""
    lengths = [len(item.prompt) + len(item.tree.tokens) for item in items]
    width = max(lengths)
    ids = np.zeros((len(items), width), dtype=np.int64)
    positions = np.tile(np.arange(width), (len(items), 1))
    for row, item in enumerate(items):
        ids[row, : lengths[row]] = [*item.prompt, *item.tree.tokens]
        positions[row, len(item.prompt) : lengths[row]] = (
            len(item.prompt) - 1 + np.array(item.tree.depths, dtype=np.int64)
        )
    branched = any(len(item.tree.steps) > 1 for item in items)
    mask = torch.from_numpy(_visible(items, width)) if branched else None
    steps = np.array(list(_steps(items)), dtype=np.int64).reshape(-1, 4)
    rows, columns, targets, paths = torch.from_numpy(steps).unbind(1)
    return Batch(
        torch.from_numpy(ids), torch.from_numpy(positions), mask, rows, columns, targets, paths
    )


def _visible(items: Sequence[Item], width: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    visible = np.broadcast_to(np.tri(width, dtype=np.bool_), (len(items), 1, width, width)).copy()
    for row, item in enumerate(items):
        root = len(item.prompt) - 1
        visible[row, 0, root + 1 :, root + 1 :] = np.eye(width - root - 1, dtype=np.bool_)
        for node, above in enumerate(item.tree.ancestors(), start=1):
            visible[row, 0, root + node, root + np.array(above)] = True
    return visible


def _steps(items: Sequence[Item]) -> Iterator[tuple[int, int, int, int]]:
    path = 0
    for row, item in enumerate(items):
        for steps in item.tree.steps:
            for node, token in steps:
                yield row, len(item.prompt) - 1 + node, token, path
            path += 1


class SplitDecoder:
    """A decoder cut below its ``upper`` last layers; the part below is frozen."""

    def __init__(self, model: CausalModel, upper: int) -> None:
        self._model = model
        self._decoder = model.get_decoder()
        if not hasattr(self._decoder, "layers") or not hasattr(self._decoder, "norm"):
            raise ModelFileError(
                f"{type(model).__name__} has no stack of layers with a norm on top; "
                "choose a decoder of the Llama family as the base"
            )
        self._layers = self._decoder.layers
        self._norm = self._decoder.norm
        self._cut = len(self._layers) - upper

    def lay_out(self, items: Sequence[Item]) -> Batch:
        """The items side by side, where the model is."""
        return lay_out(items).to(self._model.device)

    def below(self, batch: Batch) -> torch.Tensor:
        """Activations that enter the upper part, shape (rows, columns, width); no gradient."""
        with torch.no_grad(), self._only(self._layers[: self._cut], torch.nn.Identity()):
            return self._run(batch, input_ids=batch.ids)

    def above(self, batch: Batch, activations: torch.Tensor) -> torch.Tensor:
        """Log probability of each step's token, shape (steps,), float32."""
        logits = self.logits(self.hidden(batch, activations))
        return -_cross_entropies(logits, batch.targets)

    def hidden(self, batch: Batch, activations: torch.Tensor) -> torch.Tensor:
        """What the output layer reads at each step, shape (steps, width)."""
        with self._only(self._layers[self._cut :], self._norm):
            hidden = self._run(batch, inputs_embeds=activations)
        return hidden[batch.rows, batch.columns]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of each step, shape (steps, vocabulary), float32."""
        logits: torch.Tensor = self._model.get_output_embeddings()(hidden).float()
        return logits

    def check(self, batch: Batch) -> None:
        """Raise ``ModelFileError`` unless both parts together give what the whole decoder gives."""
        with torch.no_grad():
            whole = self._run(batch, input_ids=batch.ids)
            below = self.below(batch)
            with self._only(self._layers[self._cut :], self._norm):
                parts = self._run(batch, inputs_embeds=below)
        scale = whole.float().abs().max()
        if not bool((parts - whole).float().abs().max() <= 0.02 * scale):
            raise ModelFileError(
                f"{type(self._model).__name__} does not give the same when run in two parts; "
                "choose a decoder of the Llama family as the base"
            )

    def _run(self, batch: Batch, **inputs: torch.Tensor) -> torch.Tensor:
        mask = batch.mask
        if mask is not None:
            dtype = self._model.dtype
            mask = torch.where(mask, 0.0, torch.finfo(dtype).min).to(dtype)
        output = self._decoder(
            **inputs, attention_mask=mask, position_ids=batch.positions, use_cache=False
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    @contextlib.contextmanager
    def _only(self, layers: torch.nn.Module, norm: torch.nn.Module) -> Iterator[None]:
        self._decoder.layers, self._decoder.norm = layers, norm
        try:
            yield
        finally:
            self._decoder.layers, self._decoder.norm = self._layers, self._norm


class Activations:
    """Items with what enters the upper layers, computed once and kept while there is room.

    The last ``own`` items are answers of the model itself, which must have no adapter yet: what
    it thought at each of their steps is kept, so that a loss can hold a tuned model to it.
    """

    def __init__(
        self, decoder: SplitDecoder, items: Sequence[Item], *, width: int, own: int = 0
    ) -> None:
        self.items = tuple(items)
        self.decoder = decoder
        self.lengths = [len(item.prompt) + len(item.tree.tokens) for item in items]
        self._kept: list[torch.Tensor] | None = None
        if sum(self.lengths) * width * 4 <= CACHE_BYTES:
            self._kept = self._compute()
        self._untuned = self._hidden(range(len(self.items) - own, len(self.items)))

    def __len__(self) -> int:
        return len(self.items)

    def batch(self, places: Sequence[int]) -> tuple[Batch, torch.Tensor]:
        """The items at these places and their activations, padded to the longest."""
        batch = self.decoder.lay_out([self.items[place] for place in places])
        if self._kept is None:
            return batch, self.decoder.below(batch)
        kept = [self._kept[place] for place in places]
        return batch, torch.nn.utils.rnn.pad_sequence(kept, batch_first=True)

    def loss(self, places: Sequence[int]) -> torch.Tensor:
        """Mean cross-entropy, natural log, over the steps of the items at these places.

        A step's aim is its token; for the model's own answers it is the whole distribution that
        the untuned model had there, which tells more than the one token that was drawn (knowledge
        distillation, Hinton et al. 2015).
        """
        batch, activations = self.batch(places)
        logits = self.decoder.logits(self.decoder.hidden(batch, activations))
        own = [row for row, place in enumerate(places) if place in self._untuned]
        drawn = torch.isin(batch.rows, torch.tensor(own, device=batch.rows.device))
        losses = [_cross_entropies(logits[~drawn], batch.targets[~drawn])]
        if own:
            untuned = torch.cat([self._untuned[places[row]] for row in own])
            with torch.no_grad():
                aims = self.decoder.logits(untuned).softmax(dim=-1)
            losses.append(_cross_entropies(logits[drawn], aims))
        return torch.cat(losses).mean()

    def passes(self) -> Iterator[list[int]]:
        """Places of all items in groups of similar length that make one pass each."""
        return self._passes(range(len(self.items)))

    def _passes(self, every: Sequence[int]) -> Iterator[list[int]]:
        group: list[int] = []
        for place in sorted(every, key=lambda place: -self.lengths[place]):
            if group and (len(group) + 1) * self.lengths[group[0]] > TOKENS_PER_PASS:
                yield group
                group = []
            group.append(place)
        if group:
            yield group

    def _hidden(self, every: Sequence[int]) -> dict[int, torch.Tensor]:
        """What the output layer reads now at the steps of each of these items."""
        found: dict[int, torch.Tensor] = {}
        for places in self._passes(every):
            batch, activations = self.batch(places)
            with torch.no_grad():
                hidden = self.decoder.hidden(batch, activations)
            rows = batch.rows
            found |= {place: hidden[rows == row] for row, place in enumerate(places)}
        return found

    def _compute(self) -> list[torch.Tensor]:
        kept = [torch.empty(0)] * len(self.items)
        for places in self.passes():
            found = self.decoder.below(
                self.decoder.lay_out([self.items[place] for place in places])
            )
            for row, place in enumerate(places):
                kept[place] = found[row, : self.lengths[place]].clone()
        return kept


def _cross_entropies(logits: torch.Tensor, aims: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, aims, reduction="none")
