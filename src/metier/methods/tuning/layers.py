"""Runs a decoder in two parts, so that what lies below the first adapter is computed only once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from metier.errors import ModelFileError
from metier.models.engines.scoring import Item, common_beginning
from metier.protocols import Progress, silent

CausalModel = Any
"""A causal model of transformers, with or without adapters injected."""

TOKENS_PER_PASS = 4096
_LEAST_SAVED = 0.2
"""Share of a batch's columns from which on it pays to compute a common beginning once."""
_TELLING = 8
"""First tokens of a prompt that tell whether others begin as it does: its template and role."""
_MOST_OFF = 0.1
"""Share of the activations' norm by which both parts may differ from the whole decoder: where a
beginning is read apart, rounding in bf16 alone moves the embedded model's by 0.016, and single
values by more than that."""
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
    """(rows or 1, 1, columns, columns), True where a token may look; None when plainly causal:
    padding stands at the end, where no token looks at it."""
    rows: torch.Tensor
    """(steps,) of the answers' tokens: the row that predicts each."""
    columns: torch.Tensor
    """(steps,): the column that predicts it."""
    targets: torch.Tensor
    """(steps,): the token itself."""
    paths: torch.Tensor
    """(steps,): the answer that it belongs to, counted over the whole batch."""
    shared: int = 0
    """Columns at the beginning that are the same in all rows and are computed once."""

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        parts = {
            name: part.to(device)
            for name in ("ids", "positions", "mask", "rows", "columns", "targets", "paths")
            if (part := getattr(self, name)) is not None
        }
        return replace(self, **parts)


def lay_out(items: Sequence[Item]) -> Batch:
    """Put items side by side; only answers' trees and common beginnings need a mask."""
    lengths = [len(item.prompt) + len(item.tree.tokens) for item in items]
    width = max(lengths)
    ids = np.zeros((len(items), width), dtype=np.int64)
    positions = np.tile(np.arange(width), (len(items), 1))
    for row, item in enumerate(items):
        ids[row, : lengths[row]] = [*item.prompt, *item.tree.tokens]
        positions[row, len(item.prompt) : lengths[row]] = (
            len(item.prompt) - 1 + np.array(item.tree.depths, dtype=np.int64)
        )
    shared = _shared([item.prompt for item in items], width)
    branched = any(len(item.tree.steps) > 1 for item in items)
    visible = _visible(items, width) if branched else np.tri(width, dtype=np.bool_)[None, None]
    mask = torch.from_numpy(visible) if branched or shared else None
    steps = np.array(list(_steps(items)), dtype=np.int64).reshape(-1, 4)
    rows, columns, targets, paths = torch.from_numpy(steps).unbind(1)
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        mask,
        rows,
        columns,
        targets,
        paths,
        shared,
    )


def _shared(prompts: Sequence[Sequence[int]], width: int) -> int:
    """Tokens that all prompts begin with, where it pays to compute them once.

    The rest then attends with a mask, which costs twice as much as plainly causal attention; that
    is little where rows are short.
    """
    shared = common_beginning(prompts)
    saved = shared * (len(prompts) - 1)
    return shared if saved >= _LEAST_SAVED * len(prompts) * width else 0


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
            whole = self._run(replace(batch, shared=0), input_ids=batch.ids)
            below = self.below(batch)
            with self._only(self._layers[self._cut :], self._norm):
                parts = self._run(batch, inputs_embeds=below)
        off = (parts - whole).float().norm() / whole.float().norm()
        if not bool(off <= _MOST_OFF):
            raise ModelFileError(
                f"{type(self._model).__name__} does not give the same when run in two parts; "
                "choose a decoder of the Llama family as the base"
            )

    def _run(self, batch: Batch, **inputs: torch.Tensor) -> torch.Tensor:
        """What a part of the decoder makes of its inputs, shape (rows, columns, width).

        A beginning that all rows share is one row of its own, whose keys and values the others
        attend to. That is exact, gradients included (Prefix Grouper, Liu et al. 2025).
        """
        mask, shared = batch.mask, batch.shared
        if mask is not None:
            dtype = self._model.dtype
            mask = torch.where(mask[:, :, shared:], 0.0, torch.finfo(dtype).min).to(dtype)
        if not shared:
            return self._passed(inputs, attention_mask=mask, position_ids=batch.positions)
        known = DynamicCache()
        begin = self._passed(
            {name: whole[:1, :shared] for name, whole in inputs.items()},
            position_ids=batch.positions[:1, :shared],
            past_key_values=known,
        )
        rows = len(batch.ids)
        for layer in known.layers:
            if layer.get_seq_length():  # those of the other part are empty
                layer.keys = layer.keys.expand(rows, -1, -1, -1)
                layer.values = layer.values.expand(rows, -1, -1, -1)
        rest = self._passed(
            {name: whole[:, shared:] for name, whole in inputs.items()},
            attention_mask=mask,
            position_ids=batch.positions[:, shared:],
            past_key_values=known,
        )
        return torch.cat([begin.expand(rows, -1, -1), rest], dim=1)

    def _passed(self, inputs: Mapping[str, torch.Tensor], **how: Any) -> torch.Tensor:
        known = how.get("past_key_values")
        output = self._decoder(**inputs, **how, use_cache=known is not None)
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
        self,
        decoder: SplitDecoder,
        items: Sequence[Item],
        *,
        width: int,
        own: int = 0,
        progress: Progress = silent,
    ) -> None:
        self.items = tuple(items)
        self.decoder = decoder
        self.lengths = [len(item.prompt) + len(item.tree.tokens) for item in items]
        self._kept: list[torch.Tensor] | None = None
        if sum(self.lengths) * width * 4 <= CACHE_BYTES:
            self._kept = self._compute(progress)
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
        alike: dict[tuple[int, ...], list[int]] = {}
        for place in places:
            alike.setdefault(self._beginning(place), []).append(place)
        return torch.cat([loss for group in alike.values() for loss in self._losses(group)]).mean()

    def _losses(self, places: Sequence[int]) -> Iterator[torch.Tensor]:
        batch, activations = self.batch(places)
        logits = self.decoder.logits(self.decoder.hidden(batch, activations))
        own = [row for row, place in enumerate(places) if place in self._untuned]
        drawn = torch.isin(batch.rows, torch.tensor(own, device=batch.rows.device))
        yield _cross_entropies(logits[~drawn], batch.targets[~drawn])
        if own:
            untuned = torch.cat([self._untuned[places[row]] for row in own])
            with torch.no_grad():
                aims = self.decoder.logits(untuned).softmax(dim=-1)
            yield _cross_entropies(logits[drawn], aims)

    def passes(self) -> Iterator[list[int]]:
        """Places of all items in groups that make one pass each, alike in beginning and length."""
        return self._passes(range(len(self.items)))

    def _passes(self, every: Sequence[int]) -> Iterator[list[int]]:
        group: list[int] = []
        for place in sorted(every, key=lambda one: (self._beginning(one), -self.lengths[one])):
            full = group and (len(group) + 1) * self.lengths[group[0]] > TOKENS_PER_PASS
            if full or (group and self._beginning(group[0]) != self._beginning(place)):
                yield group
                group = []
            group.append(place)
        if group:
            yield group

    def _beginning(self, place: int) -> tuple[int, ...]:
        """By which items are put together; replayed requests begin unlike the task's rows."""
        return tuple(self.items[place].prompt[:_TELLING])

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

    def _compute(self, progress: Progress) -> list[torch.Tensor]:
        kept = [torch.empty(0)] * len(self.items)
        done = 0
        for places in self.passes():
            found = self.decoder.below(
                self.decoder.lay_out([self.items[place] for place in places])
            )
            for row, place in enumerate(places):
                kept[place] = found[row, : self.lengths[place]].clone()
            done += sum(self.lengths[place] for place in places)
            progress(done, sum(self.lengths), "tokens read by the frozen layers")
        return kept


def _cross_entropies(logits: torch.Tensor, aims: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, aims, reduction="none")
