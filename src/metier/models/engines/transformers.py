"""The reference engine: PyTorch and transformers, on CUDA when there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metier.errors import MissingExtraError
from metier.models.chat import ChatTokenizer
from metier.models.engines.decoding import Row, decode
from metier.models.engines.scoring import Item, Scored
from metier.models.engines.trees import Pack, score_trees
from metier.models.quiet import quiet

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16", "float16"]
TorchModel = Any
"""A causal model of transformers or PEFT, whose types do not say what calling them gives."""


class TransformersEngine:
    """Steps and trees on one torch model."""

    def __init__(
        self, directory: Path, *, adapter: Path | None = None, precision: Precision = "auto"
    ) -> None:
        """Load the weights; ``precision`` "auto" is float32 on a processor and bf16 on a GPU."""
        try:
            from transformers import AutoModelForCausalLM
        except ImportError as error:
            raise MissingExtraError('the engine "transformers"', "models") from error
        self._device, dtype = _place(precision)
        with quiet():
            model: TorchModel = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype)
            if adapter is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, adapter)
        self._model = model.eval().to(self._device)
        self._cache: Any = None
        self._mask: torch.Tensor
        self._prefix: Any = None
        self._prefix_tokens: list[int] = []

    @property
    def model(self) -> TorchModel:
        """The torch model, for those who run it in parts."""
        return self._model

    @property
    def room(self) -> None:
        """Nobody counts the tokens that prompt and answer may have together."""

    def grow(self, rows: Sequence[Row], chat: ChatTokenizer) -> Iterator[None]:
        """Grow all rows to their end; yields after every token."""
        return decode(self, rows, chat)

    def score(self, items: Sequence[Item]) -> list[Scored]:
        """Log probabilities of every item's answers."""
        return score_trees(self, items)

    def start(self, prompts: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read left-padded prompts."""
        import torch
        from transformers import DynamicCache

        width = max(len(prompt) for prompt in prompts)
        ids = torch.zeros((len(prompts), width), dtype=torch.long)
        mask = torch.zeros((len(prompts), width), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        self._cache = DynamicCache(config=self._model.config)
        self._mask = mask.to(self._device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return self._forward(ids, positions)

    def step(self, tokens: Sequence[int], rows: Sequence[int]) -> torch.Tensor:
        """Append one token to each kept row."""
        import torch

        if len(rows) < len(self._mask):
            kept = torch.tensor(rows, device=self._device)
            self._cache.batch_select_indices(kept)
            self._mask = self._mask[kept]
        positions = self._mask.sum(1, keepdim=True)
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        return self._forward(torch.tensor(tokens)[:, None], positions)

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.no_grad():
            output = self._model(
                input_ids=ids.to(self._device),
                position_ids=positions.to(self._device),
                attention_mask=self._mask,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return output.logits[:, -1].float()

    def read_prefix(self, tokens: Sequence[int]) -> None:
        """Keep the keys and values of a prefix until another one comes."""
        import torch
        from transformers import DynamicCache

        if self._prefix_tokens == list(tokens):
            return
        self._prefix, self._prefix_tokens = None, list(tokens)
        if tokens:
            self._prefix = DynamicCache(config=self._model.config)
            with torch.no_grad():
                self._model(
                    input_ids=torch.tensor([list(tokens)], device=self._device),
                    past_key_values=self._prefix,
                    use_cache=True,
                    logits_to_keep=1,
                )

    def tree_logits(self, pack: Pack) -> torch.Tensor:
        """One pass over prompts and trees, with a mask of our own."""
        import copy

        import torch

        cache = copy.deepcopy(self._prefix)
        if cache is not None:
            cache.batch_repeat_interleave(len(pack.ids))
        dtype = self._model.dtype
        hidden = torch.from_numpy(~pack.visible)[:, None].to(self._device)
        mask = torch.zeros(hidden.shape, dtype=dtype, device=self._device)
        mask.masked_fill_(hidden, torch.finfo(dtype).min)
        with torch.no_grad():
            output = self._model(
                input_ids=torch.from_numpy(pack.ids).to(self._device),
                position_ids=torch.from_numpy(pack.positions).to(self._device),
                attention_mask=mask,
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=pack.keep,
            )
        return output.logits.float()


def _place(precision: Precision) -> tuple[str, torch.dtype]:
    """Device and number format: on a processor all digits, for other engines are held to these."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision != "auto":
        return device, getattr(torch, precision)
    return device, torch.bfloat16 if device == "cuda" else torch.float32
